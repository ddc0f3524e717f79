package process

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	f, err := parseStat("42 (a (b) c) S 7 42 42 0 -1 4194304 1 2 3 4 150 50 20 10 20 0 3 0 99\n")
	if err != nil {
		t.Fatal(err)
	}
	if f[parent] != "7" {
		t.Errorf("parent %s", f[parent])
	}
	if got, want := f.ticks(userTime, systemTime), 2*time.Second; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := f.ticks(childrenUser, childrenSystem), 300*time.Millisecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := parseStat("42 (a) S 7"); err == nil {
		t.Error("half a line was taken")
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	m, err := parseStatus("Name:\ta\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n")
	if want := (Memory{Resident: 10 << 20, Peak: 20 << 20}); err != nil || m != want {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := parseStatus("Name:\ta\n"); err == nil {
		t.Error("a process without memory was taken")
	}
}

func TestOwnUsage(t *testing.T) {
	t.Parallel()
	stop := WatchResident(os.Getpid())
	if samples := stop(); len(samples) == 0 || samples[0] < 1<<20 {
		t.Errorf("resident memory of this test: %v", samples)
	}
	own, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	all, err := TreeCPU(os.Getpid())
	if err != nil || all < own {
		t.Errorf("tree %v, %v; alone %v", all, err, own)
	}
}

func TestDescriptors(t *testing.T) {
	// Not parallel: other tests open files, too.
	before, err := Descriptors(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if after, err := Descriptors(os.Getpid()); err != nil || after != before+1 {
		t.Errorf("%d, %v; before another file %d", after, err, before)
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	p, err := Start("shell", "/bin/sh", "-c", "trap '' TERM; exec sleep 600")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p.Kill()
	}
	<-p.Exited()
	if err := p.Stop(time.Minute); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Stop: %v", err)
	}
}

func TestAddressAndStop(t *testing.T) {
	t.Parallel()
	const script = `trap 'exit 0' TERM; echo starting >&2; printf '{"message":"listening",' >&2; printf '"address":"127.0.0.1:7"}\n' >&2; while :; do sleep 1 & wait $!; done`
	p, err := Start("shell", "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	address, err := p.Address(t.Context())
	if err != nil || address != "127.0.0.1:7" {
		t.Errorf("got %q, %v", address, err)
	}
	for range 2 {
		if err := p.Stop(10 * time.Second); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatEndsBadlyIsTold(t *testing.T) {
	t.Parallel()
	p, err := Start("shell", "/bin/sh", "-c", "echo no such disk >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Address(t.Context()); err == nil || !strings.Contains(err.Error(), "no such disk") {
		t.Errorf("Address: %v", err)
	}
	if err := p.Stop(10 * time.Second); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Stop: %v", err)
	}
}
