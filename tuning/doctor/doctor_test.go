package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"stormdrain/tuning"
)

// machine is one on which all is well, until a test changes something.
type machine struct {
	files      uint64
	read       map[string]string
	limits     tuning.Limits
	sync       []time.Duration
	fs         string
	free       int64
	clock      bool
	listen     error
	ours       bool
	mode       uint32
	err        error // of everything that can fail
	syncFailed error
}

func (m *machine) NoFile() (uint64, error) { return m.files, m.err }
func (m *machine) Limits() tuning.Limits   { return m.limits }
func (m *machine) CPUs() int               { return 8 }
func (m *machine) Syncs(string, int) ([]time.Duration, error) {
	return slices.Clone(m.sync), m.syncFailed
}
func (m *machine) FileSystem(string) (string, error)                    { return m.fs, m.err }
func (m *machine) Free(string) (int64, error)                           { return m.free, m.err }
func (m *machine) ClockSynchronised() (bool, error)                     { return m.clock, m.err }
func (m *machine) Listen(string) error                                  { return m.listen }
func (m *machine) Ours(string) bool                                     { return m.ours }
func (m *machine) Mode(string) (uint32, error)                          { return m.mode, m.err }
func (p postgres) Examine(context.Context) (f PostgresFacts, err error) { return p.facts, p.err }
func (m *machine) ReadFile(name string) (string, error) {
	text, ok := m.read[name]
	if !ok {
		return "", os.ErrNotExist
	}
	return text, m.err
}

type postgres struct {
	facts PostgresFacts
	err   error
}

const gib = 1 << 30

func well() (*machine, *Plan, *postgres) {
	m := &machine{
		files: 65536, fs: "ext4", free: 100 * gib, clock: true, mode: 0o600,
		read: map[string]string{
			"/proc/sys/net/core/somaxconn":                "4096\n",
			"/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
		},
		limits: tuning.Limits{CPUs: 4, CPUSource: "/cpu.max", Memory: 4 * gib, MemorySource: "/memory.max"},
		sync:   slices.Repeat([]time.Duration{500 * time.Microsecond}, 100),
	}
	pg := &postgres{facts: PostgresFacts{
		Version: 150004, Fsync: "on", FullPageWrites: "on", WALLevel: "replica", Encoding: "UTF8", SyncCommit: "on", TimeZone: "UTC",
		MaxConnections: 97, UsedByOthers: 3, User: "drain", Schema: "public",
	}}
	p := &Plan{
		Folder: "/var/lib", DataDir: "/var/lib/stormdrain", Listen: []string{":9567"}, MaxConnections: 16384,
		JournalBytes: 8 * gib, SegmentBytes: 64 << 20, MemoryBytes: 300 << 20, RequestTimeout: 8 * time.Second,
		SecretFiles: []SecretFile{{"auth.bearer_token_file", "/etc/token"}}, Store: "postgres://drain@db/alerts", Pool: 4, Postgres: pg,
	}
	return m, p, pg
}

// stateError is an error of PostgreSQL.
type stateError struct{ text, state string }

func (e stateError) Error() string    { return e.text }
func (e stateError) SQLState() string { return e.state }

func TestAllIsWell(t *testing.T) {
	t.Parallel()
	m, p, _ := well()
	results := Examine(t.Context(), m, p)
	for _, r := range results {
		if r.Status != OK || r.Found == "" || r.Wanted != "" || r.Remedy != "" {
			t.Errorf("%+v", r)
		}
	}
	if Worst(results) != OK || len(results) != 20 {
		t.Errorf("%s, %d results", Worst(results), len(results))
	}
	p.Postgres, p.Store = nil, "SQLite in data"
	if results := Examine(t.Context(), m, p); results[len(results)-1] != (Result{"store", OK, "SQLite in data", "", ""}) {
		t.Errorf("%+v", results[len(results)-1])
	}
}

// TestOneThingIsWrong changes one thing at a time: one line must say so, with what
// was found, what is wanted and what mends it.
func TestOneThingIsWrong(t *testing.T) {
	t.Parallel()
	f := func(check string, status Status, found, remedy string, change func(*machine, *Plan, *postgres)) {
		t.Helper()
		m, p, pg := well()
		change(m, p, pg)
		var bad []Result
		for _, r := range Examine(t.Context(), m, p) {
			if r.Status != OK {
				bad = append(bad, r)
			}
		}
		if len(bad) != 1 || bad[0].Check != check || bad[0].Status != status || !strings.Contains(bad[0].Found, found) ||
			!strings.Contains(bad[0].Remedy, remedy) || bad[0].Wanted == "" {
			t.Errorf("want %s of %s, %q, %q; got %+v", status, check, found, remedy, bad)
		}
	}
	f("open files", Warn, "1024 allowed", "LimitNOFILE=16640", func(m *machine, _ *Plan, _ *postgres) { m.files = 1024 })
	f("open files", Fail, "256 allowed", "ulimit -Hn 16640", func(m *machine, _ *Plan, _ *postgres) { m.files = 256 })
	f("listen backlog", Warn, "128", "sysctl -w net.core.somaxconn=4096", func(m *machine, _ *Plan, _ *postgres) {
		m.read["/proc/sys/net/core/somaxconn"] = "128"
	})
	f("processors", Warn, "quota of 0.50 (/cpu.max)", "CPUQuota=", func(m *machine, _ *Plan, _ *postgres) { m.limits.CPUs = 0.5 })
	f("memory", Warn, "256 MiB (/memory.max)", "MemoryMax=", func(m *machine, _ *Plan, _ *postgres) { m.limits.Memory = 256 << 20 })
	f("memory", Fail, "100 MiB", "in_flight_max_bytes", func(m *machine, _ *Plan, _ *postgres) { m.limits.Memory = 100 << 20 })
	f("clock", Warn, "not synchronised", "timedatectl set-ntp true", func(m *machine, _ *Plan, _ *postgres) { m.clock = false })
	for _, fs := range []string{"tmpfs", "nfs", "overlay", "fuse", "smb"} {
		f("file system", Warn, fs, "--data.dir", func(m *machine, _ *Plan, _ *postgres) { m.fs = fs })
	}
	f("free space", Warn, "4.0 GiB", "--journal.max-bytes=2147483648", func(m *machine, _ *Plan, _ *postgres) { m.free = 4 * gib })
	f("free space", Fail, "100 MiB", "a larger disk", func(m *machine, _ *Plan, _ *postgres) { m.free = 100 << 20 })
	slow := func(d time.Duration) func(*machine, *Plan, *postgres) {
		return func(m *machine, _ *Plan, _ *postgres) { m.sync[98], m.sync[99] = d, d }
	}
	f("fdatasync", Warn, "p50 500µs, p99 25ms", "faster disk", slow(25*time.Millisecond))
	f("fdatasync", Fail, "p99 5s", "faster disk", slow(5*time.Second))
	f("fdatasync", Warn, "p50 2µs", "on a disk", func(m *machine, _ *Plan, _ *postgres) { m.sync = []time.Duration{2000, 2000} })
	f("fdatasync", Fail, "permission denied", "mkdir -p /var/lib/stormdrain", func(m *machine, _ *Plan, _ *postgres) { m.syncFailed = syscall.EACCES })
	f("port", Fail, "somebody else listens on :9567", "sport = :9567", func(m *machine, _ *Plan, _ *postgres) { m.listen = syscall.EADDRINUSE })
	f("port", Fail, "may not be used", "CAP_NET_BIND_SERVICE", func(m *machine, _ *Plan, _ *postgres) { m.listen = syscall.EACCES })
	f("port", Fail, "not here", "--web.listen-address", func(m *machine, _ *Plan, _ *postgres) { m.listen = errors.New("not here") })
	f("secret", Warn, "mode 0644", "chmod 600 /etc/token", func(m *machine, _ *Plan, _ *postgres) { m.mode = 0o644 })

	f("postgres", Fail, "no alerts", "createdb --encoding=UTF8", func(_ *machine, _ *Plan, pg *postgres) { pg.err = stateError{"no alerts", "3D000"} })
	f("postgres", Fail, "no password", "ALTER ROLE", func(_ *machine, _ *Plan, pg *postgres) { pg.err = stateError{"no password", "28P01"} })
	f("postgres", Fail, "refused", "psql", func(_ *machine, _ *Plan, pg *postgres) { pg.err = errors.New("connection refused") })
	f("postgres", Fail, "version 13.9", "pg_upgrade", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.Version = 130009 })
	f("postgres", Fail, "a standby", "target_session_attrs", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.InRecovery = true })
	f("postgres fsync", Fail, "off", "ALTER SYSTEM SET fsync = on", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.Fsync = "off" })
	f("postgres full_page_writes", Warn, "off", "ALTER SYSTEM", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.FullPageWrites = "off" })
	f("postgres synchronous_commit", Fail, "off", "pool_mode", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.SyncCommit = "off" })
	f("postgres timezone", Fail, "Europe/Berlin", "pool_mode", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.TimeZone = "Europe/Berlin" })
	f("postgres encoding", Fail, "SQL_ASCII", "ENCODING 'UTF8'", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.Encoding = "SQL_ASCII" })
	f("postgres connections", Warn, "2 of 97 free", "--database.max-connections=2", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.UsedByOthers = 95 })
	f("postgres connections", Fail, "0 of 97 free", "max_connections = 101", func(_ *machine, _ *Plan, pg *postgres) { pg.facts.UsedByOthers = 97 })
	f("postgres rights", Fail, "permission denied", "GRANT USAGE, CREATE ON SCHEMA public TO drain", func(_ *machine, _ *Plan, pg *postgres) {
		pg.facts.RightsError = "permission denied for schema public"
	})
}

// TestWhatIsNoFault: a program that runs already, and a machine without limits.
func TestWhatIsNoFault(t *testing.T) {
	t.Parallel()
	m, p, _ := well()
	m.listen, m.ours, m.files, m.limits = syscall.EADDRINUSE, true, ^uint64(0), tuning.Limits{}
	delete(m.read, "/sys/kernel/mm/transparent_hugepage/enabled")
	if results := Examine(t.Context(), m, p); Worst(results) != OK {
		t.Errorf("%+v", results)
	}
}

// TestUnknown: what cannot be found out is a warning and never a failure.
func TestUnknown(t *testing.T) {
	t.Parallel()
	m, p, _ := well()
	m.err, p.SecretFiles = errors.New("no such call"), nil
	results := Examine(t.Context(), m, p)
	n := 0
	for _, r := range results {
		if r.Status == Warn && strings.Contains(r.Found, "cannot be found out: no such call") {
			n++
		}
	}
	if Worst(results) != Warn || n != 5 {
		t.Errorf("%d unknown: %+v", n, results)
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	results := []Result{{"port", OK, "free", "", ""}, {"free space", Fail, "1 byte", "<2>", "rm -r x"}}
	var b bytes.Buffer
	if err := PrintText(&b, results, false); err != nil || b.String() != "ok    port        free\nfail  free space  1 byte; want <2>; mend: rm -r x\n" {
		t.Errorf("%v\n%s", err, b.String())
	}
	b.Reset()
	if err := PrintText(&b, results, true); err != nil || !strings.HasPrefix(b.String(), "\x1b[32mok  \x1b[0m  port") || strings.Count(b.String(), "\n") != 2 {
		t.Errorf("%v\n%q", err, b.String())
	}
	b.Reset()
	var read struct {
		Status string
		Checks []struct{ Check, Status, Found, Wanted, Remedy string }
	}
	if err := PrintJSON(&b, results); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal(b.Bytes(), &read); err != nil || read.Status != "fail" || len(read.Checks) != 2 || read.Checks[1].Wanted != "<2>" {
		t.Errorf("%v, %+v", err, read)
	}
}

// TestHere asks the machine that the test runs on, and leaves nothing behind.
func TestHere(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // here_other.go has nothing to ask
	}
	var h Here
	dir := t.TempDir()
	took, err := h.Syncs(dir, 10)
	if left, _ := os.ReadDir(dir); err != nil || len(took) != 10 || slices.Min(took) <= 0 || len(left) != 0 {
		t.Errorf("syncs: %v, %v, left %v", took, err, left)
	}
	if _, err := h.Syncs(filepath.Join(dir, "none"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("syncs in a folder that is not there: %v", err)
	}
	if kind, err := h.FileSystem(dir); kind == "" || err != nil {
		t.Errorf("file system: %q, %v", kind, err)
	}
	if kind, err := h.FileSystem("/dev/shm"); err == nil && kind != "tmpfs" {
		t.Errorf("/dev/shm: %q", kind)
	}
	if free, err := h.Free(dir); free <= 0 || err != nil {
		t.Errorf("free: %d, %v", free, err)
	}
	if n, err := h.NoFile(); n == 0 || err != nil {
		t.Errorf("files: %d, %v", n, err)
	}
	if _, err := h.ClockSynchronised(); err != nil {
		t.Errorf("clock: %v", err)
	}
	if text, err := h.ReadFile("/proc/sys/net/core/somaxconn"); text == "" || err != nil {
		t.Errorf("somaxconn: %q, %v", text, err)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if mode, err := h.Mode(secret); mode != 0o600 || err != nil {
		t.Errorf("mode %o, %v", mode, err)
	}
}

func TestPortHere(t *testing.T) {
	t.Parallel()
	var h Here
	answers := func(id, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if id != "" {
				w.Header().Set("X-Request-ID", id)
			}
			w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	if got := checkPort(h, answers("1", "healthy\n")); got.Status != OK || !strings.Contains(got.Found, "already") {
		t.Errorf("ours: %+v", got)
	}
	if got := checkPort(h, answers("", "hello")); got.Status != Fail {
		t.Errorf("another server's: %+v", got)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if got := checkPort(h, l.Addr().String()); got.Status != OK || !strings.Contains(got.Found, "free") {
		t.Errorf("nobody's: %+v", got)
	}
}
