package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStartsAlone runs the program without a single argument, as the first
// command of a new user does; the environment only moves the port.
func TestStartsAlone(t *testing.T) {
	dir := t.TempDir()
	r, err := spawn(nil, func(cmd *exec.Cmd) {
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "STORMDRAIN_WEB_LISTEN_ADDRESS=127.0.0.1:0", "STORMDRAIN_LOG_FORMAT=json")
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, run: r, addr: r.waitAddress(t), dataDir: filepath.Join(dir, "data")}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	p.waitReady()
	c := p.client()
	c.deliver("/webhook", "alone", loadBody(0), 100)
	c.waitAtRest()
	if got := len(c.events("")); got != 100 {
		t.Errorf("%d events, want 100", got)
	}
	sqliteFile(t, p.dataDir)
	if code := p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d after SIGTERM, want 0", code)
	}
}

// TestRefusesToStart gives the program what it cannot work with: one clear line
// and exit status 1.
func TestRefusesToStart(t *testing.T) {
	fresh := func() string { return "--data.dir=" + filepath.Join(t.TempDir(), "data") }
	const anyPort = "--web.listen-address=127.0.0.1:0"
	refuse := func(name, must string, prepare func(*exec.Cmd), flags ...string) {
		t.Helper()
		r, err := spawn(append([]string{"serve", "--log.format=json"}, flags...), prepare)
		if err != nil {
			t.Fatal(err)
		}
		code := r.wait(t, startLimit)
		lines := complaints(r.stderr.String())
		if code != 1 || len(lines) != 1 || !strings.Contains(lines[0], must) {
			t.Errorf("%s: exit status %d, %d lines, want status 1 and one line with %q\n%s", name, code, len(lines), must, r.stderr.tail())
		}
	}

	p := startProgram(t)
	refuse("data directory in use", p.dataDir, nil, "--data.dir="+p.dataDir, anyPort)
	refuse("port in use", p.addr, nil, fresh(), "--web.listen-address="+p.addr)
	dir, owner := readOnlyDir(t)
	refuse("read-only data directory", dir, owner, "--data.dir="+filepath.Join(dir, "data"), anyPort)
	refuse("unknown key", "no_such_key", nil, fresh(), anyPort, "--config.file="+configFile(t, "journal: {no_such_key: 1}\n"))
	refuse("impossible value", "max_bytes", nil, fresh(), anyPort, "--config.file="+configFile(t, "journal: {max_bytes: many}\n"))
	refuse("bad storage URL", "storage.url", nil, fresh(), anyPort, "--storage.url=mysql://localhost/alerts")
	if got := p.client().do("GET", "/-/ready", nil); got.code != 200 {
		t.Errorf("the first program is not ready any more: %d %s", got.code, got.body)
	}
}

// complaints are the lines of standard error but those of the log that only inform.
func complaints(stderr string) (lines []string) {
	for line := range strings.Lines(stderr) {
		var entry struct{ Level string }
		if json.Unmarshal([]byte(line), &entry) == nil && (entry.Level == "info" || entry.Level == "debug" || entry.Level == "warn") {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// readOnlyDir returns a directory and whom to run the program as so that it
// cannot write there: root may write everywhere and borrows another user.
func readOnlyDir(t *testing.T) (string, func(*exec.Cmd)) {
	t.Helper()
	dir := filepath.Join(sharedDir, "readonly")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if os.Geteuid() != 0 {
		return dir, nil
	}
	const nobody = 65534
	return dir, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
}
