package deploy

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const unitFolder = repository + "/deploy/systemd/"

// settings are those of a unit; of one that is repeated, all values.
func settings(t *testing.T, name string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(unitFolder + name)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			all[key] = append(all[key], value)
		}
	}
	return all
}

func only(t *testing.T, all map[string][]string, key string) string {
	t.Helper()
	if len(all[key]) != 1 {
		t.Fatalf("%s is given %d times", key, len(all[key]))
	}
	return all[key][0]
}

// Systemd itself reads the units, and rates what is left open.
func TestUnitsAreSound(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"stormdrain.service", "stormdrain.socket"} {
		text, err := os.ReadFile(unitFolder + name)
		if err != nil {
			t.Fatal(err)
		}
		// It looks whether there is such a program.
		text = []byte(strings.ReplaceAll(string(text), "/usr/bin/stormdrain ", "/bin/true "))
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	analyze := func(args ...string) {
		t.Helper()
		cmd := exec.Command("systemd-analyze", args...)
		cmd.Env = append(os.Environ(), "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
		if out, err := cmd.CombinedOutput(); err != nil || args[0] == "verify" && strings.Contains(string(out), folder) {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
		}
	}
	analyze("verify", "--man=no", filepath.Join(folder, "stormdrain.service"), filepath.Join(folder, "stormdrain.socket"))
	analyze("security", "--offline=true", "--threshold=20", filepath.Join(folder, "stormdrain.service")) // 20: 2.0
}

// The unit fits what the program does by default.
func TestUnitFitsTheProgram(t *testing.T) {
	t.Parallel()
	cfg := defaults(t)
	unit, socket := settings(t, "stormdrain.service"), settings(t, "stormdrain.socket")
	stop, err := time.ParseDuration(only(t, unit, "TimeoutStopSec"))
	if err != nil || stop < cfg.Shutdown.Timeout+10*time.Second {
		t.Errorf("TimeoutStopSec=%v (%v), shutdown.timeout is %v and each part that is stuck gets a second more", stop, err, cfg.Shutdown.Timeout)
	}
	if files, err := strconv.Atoi(only(t, unit, "LimitNOFILE")); err != nil || files < 2*cfg.Server.MaxConnections {
		t.Errorf("LimitNOFILE=%d (%v), server.max_connections is %d", files, err, cfg.Server.MaxConnections)
	}
	if backlog := only(t, socket, "Backlog"); backlog != strconv.Itoa(cfg.Server.MaxConnections) {
		t.Errorf("Backlog=%s, server.max_connections is %d", backlog, cfg.Server.MaxConnections)
	}
	_, port, err := net.SplitHostPort(cfg.Server.Listen[0])
	if err != nil || only(t, socket, "ListenStream") != port {
		t.Errorf("ListenStream=%s, the program's port is %s", only(t, socket, "ListenStream"), port)
	}
	limits, err := os.ReadFile(repository + "/deploy/sysctl.d/stormdrain.conf")
	if err != nil || !strings.Contains(string(limits), "net.core.somaxconn = "+only(t, socket, "Backlog")+"\n") {
		t.Errorf("%v; the accept queue is cut to less than the socket's backlog:\n%s", err, limits)
	}
	for key, want := range map[string]string{
		"Type": "notify", "NotifyAccess": "main", "ExecReload": "/bin/kill -HUP $MAINPID", "Restart": "always", "RestartPreventExitStatus": "2",
		"StateDirectory": "stormdrain", "UMask": "0027", "MemoryDenyWriteExecute": "yes",
	} {
		if got := only(t, unit, key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
}

// used are the system calls of the program, as strace counted them over a start,
// deliveries, a refused body, queries and a stop; fchown, which SQLite calls only
// as root, is not among them.
var used = strings.Fields(`
	accept4 arch_prctl bind clone close connect epoll_create1 epoll_ctl epoll_pwait eventfd2 execve exit_group fcntl fdatasync flock
	fstat fsync ftruncate futex getdents64 geteuid getpid getrandom getrlimit getsockname getsockopt gettid listen lstat madvise mkdirat
	mmap munmap nanosleep newfstatat open openat prctl pread64 prlimit64 pwrite64 read readlinkat renameat rt_sigaction rt_sigprocmask
	rt_sigreturn sched_getaffinity sched_yield sendto setsockopt shutdown sigaltstack socket stat statfs tgkill uname unlink unlinkat write
`)

func TestSystemCallFilter(t *testing.T) {
	t.Parallel()
	allowed := make(map[string]bool)
	for _, line := range settings(t, "stormdrain.service")["SystemCallFilter"] {
		line, deny := strings.CutPrefix(line, "~")
		for _, set := range strings.Fields(line) {
			for _, name := range members(t, set) {
				allowed[name] = !deny
			}
		}
	}
	for _, name := range used {
		if !allowed[name] {
			t.Errorf("the unit does not let the program call %s", name)
		}
	}
	for _, name := range []string{"ptrace", "mount", "chroot", "init_module", "setuid", "bpf", "reboot", "swapon"} {
		if allowed[name] {
			t.Errorf("the unit lets the program call %s", name)
		}
	}
}

// members lists the calls of a set of systemd's, and of the sets in it.
func members(t *testing.T, set string) (names []string) {
	t.Helper()
	if set[0] != '@' {
		return []string{set}
	}
	out, err := exec.Command("systemd-analyze", "syscall-filter", set).Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter %s: %v", set, err)
	}
	for _, name := range strings.Fields(string(out)) {
		switch {
		case name == set:
		case name[0] == '@':
			names = append(names, members(t, name)...)
		default:
			names = append(names, name)
		}
	}
	return names
}
