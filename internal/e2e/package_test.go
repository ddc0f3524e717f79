package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// packages is the name of each kind's file, built from the binary under test. In a
// version, ~ is before and ^ after what stands in front of it.
func packages(t *testing.T, version string) (deb, rpm string) {
	t.Helper()
	dist := filepath.Join(t.TempDir(), "dist")
	cmd := exec.Command("../../scripts/package.sh")
	cmd.Env = append(os.Environ(), "DIST="+dist, "BINARY="+binary, "VERSION="+version, "ARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the packages: %v\n%s", err, out)
	}
	return filepath.Join(dist, "stormdrain_"+version+"_amd64.deb"), filepath.Join(dist, "stormdrain-"+version+"-1.x86_64.rpm")
}

// The life of the packages on a machine: a root of its own, in which there is
// nothing but dpkg's own files, stands for it.
func TestPackages(t *testing.T) {
	deb, rpm := packages(t, "1.2.3~test")
	_, next := packages(t, "1.2.4")
	t.Run("deb", func(t *testing.T) { liveWithDeb(t, deb) })
	t.Run("rpm", func(t *testing.T) {
		lookIntoRPM(t, rpm)
		liveWithRPM(t, rpm, next)
	})
}

func liveWithDeb(t *testing.T, deb string) {
	r := newRoot(t)
	before := r.files()

	r.dpkg("--install", deb)
	for _, f := range []string{
		"usr/bin/stormdrain", "usr/lib/systemd/system/stormdrain.service", "usr/lib/systemd/system/stormdrain.socket",
		"usr/lib/sysctl.d/60-stormdrain.conf", "usr/lib/sysusers.d/stormdrain.conf", "usr/share/man/man1/stormdrain.1.gz",
		"usr/share/doc/stormdrain/operations.md", "usr/share/doc/stormdrain/copyright", "usr/share/doc/stormdrain/stormdrain.yml",
		"etc/systemd/system/multi-user.target.wants/stormdrain.service", // enabled
	} {
		if _, err := os.Lstat(r.path(f)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(r.path("etc/systemd/system/sockets.target.wants/stormdrain.socket")); err == nil {
		t.Error("the socket is enabled, though nobody asked for it")
	}
	if info, err := os.Stat(r.path("etc/stormdrain/stormdrain.yml")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("configuration: %v, %v; want it readable for its group alone", info, err)
	}

	p := r.startService()
	c := p.client()
	c.deliver("/webhook/packaged", "pkg", loadBody(0), loadAlerts(0))
	c.waitAtRest()
	if got := len(c.events("source=packaged")); got != loadAlerts(0) {
		t.Errorf("%d events, want %d", got, loadAlerts(0))
	}
	if said, code := r.health(p.url() + "/-/ready"); code != 0 || said != "ready\n" {
		t.Errorf("health says %q, exit status %d", said, code)
	}
	if code := p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if said, code := r.health(p.url() + "/-/ready"); code != 1 || said != "" {
		t.Errorf("health of nobody says %q, exit status %d", said, code)
	}

	// An upgrade keeps what the administrator has written, and the alerts.
	configured := "log: {level: warn}\n"
	r.write("etc/stormdrain/stormdrain.yml", configured)
	r.dpkg("--install", "--force-confdef", deb)
	if got, _ := os.ReadFile(r.path("etc/stormdrain/stormdrain.yml")); string(got) != configured {
		t.Errorf("after the upgrade the configuration is %q", got)
	}
	r.dpkg("--remove", "stormdrain")
	for _, f := range []string{"etc/stormdrain/stormdrain.yml", "var/lib/stormdrain/stormdrain.db", "var/lib/stormdrain/journal/identity"} {
		if _, err := os.Stat(r.path(f)); err != nil {
			t.Errorf("after the removal: %v", err)
		}
	}

	// A purge takes what is its own and nothing else.
	strangers := []string{"etc/stormdrain/pgpass", "var/lib/stormdrain/notes.txt"}
	for _, f := range strangers {
		r.write(f, "mine\n")
	}
	r.dpkg("--purge", "stormdrain")
	want := append(slices.Clone(before), strangers...)
	slices.Sort(want)
	if got := r.files(); !slices.Equal(got, want) {
		t.Errorf("after the purge there is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func lookIntoRPM(t *testing.T, file string) {
	rpm := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("rpm", append(append([]string{"--dbpath", t.TempDir()}, args...), file)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	rpm("-K", "--nosignature") // digests of header and payload
	listed := rpm("-qp", "--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES} %{FILEFLAGS:fflags}\n]")
	for _, line := range []string{
		"-rwxr-xr-x root:root /usr/bin/stormdrain ",
		"-rw-r--r-- root:root /usr/lib/systemd/system/stormdrain.service ",
		"-rw-r--r-- root:root /usr/lib/systemd/system/stormdrain.socket ",
		"-rw-r--r-- root:root /usr/lib/sysusers.d/stormdrain.conf ",
		"-rw-r----- root:stormdrain /etc/stormdrain/stormdrain.yml cn", // a configuration that an upgrade does not replace
		"drwxr-x--- root:stormdrain /etc/stormdrain ",
	} {
		if !strings.Contains(listed, line) {
			t.Errorf("no %q in\n%s", line, listed)
		}
	}
	// Directories of the system belong to the package filesystem.
	for line := range strings.Lines(listed) {
		if fields := strings.Fields(line); fields[0][0] == 'd' && !strings.Contains(fields[2], "stormdrain") {
			t.Errorf("the package claims a directory that others use: %s", line)
		}
	}
	scripts := rpm("-qp", "--scripts")
	for _, text := range []string{"systemd-sysusers", "systemctl --no-reload preset stormdrain.service", "disable --now", "try-restart"} {
		if !strings.Contains(scripts, text) {
			t.Errorf("no %q in the scripts\n%s", text, scripts)
		}
	}
}

// root is a file system that dpkg installs into. Maintainer scripts run outside
// of it, so that it needs neither a shell nor mounts.
type root struct {
	t   *testing.T
	dir string
}

func newRoot(t *testing.T) *root {
	t.Helper()
	dir, err := os.MkdirTemp(sharedDir, "root")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &root{t, dir}
	for _, d := range []string{"", "etc", "var/lib/dpkg/info", "var/lib/dpkg/updates"} {
		if err := os.MkdirAll(r.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"var/lib/dpkg/status", "etc/passwd", "etc/group"} {
		r.write(f, "")
	}
	return r
}

func (r *root) path(name string) string { return filepath.Join(r.dir, name) }

// write replaces the content of a file and nothing else of it.
func (r *root) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// asRoot pretends to be root where the test is not.
func asRoot(name string, args ...string) *exec.Cmd {
	if os.Geteuid() == 0 {
		return exec.Command(name, args...)
	}
	return exec.Command("fakeroot", append([]string{name}, args...)...)
}

func (r *root) dpkg(args ...string) {
	r.t.Helper()
	cmd := asRoot("dpkg", append([]string{
		"--root=" + r.dir, "--log=/dev/null", "--force-script-chrootless", "--force-depends", "--force-not-root",
	}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("dpkg %v: %v\n%s", args, err, out)
	}
}

// files lists every file but what dpkg, systemd and the list of users keep for
// themselves.
func (r *root) files() (names []string) {
	r.t.Helper()
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(r.dir, path)
		switch {
		case name == "var/lib/dpkg" || name == "var/lib/systemd":
			return fs.SkipDir
		case d.IsDir() || slices.Contains([]string{"etc/passwd", "etc/passwd-", "etc/group", "etc/group-", "etc/shadow", "etc/shadow-",
			"etc/gshadow", "etc/gshadow-", "etc/.pwd.lock"}, name):
			return nil
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// startService runs what the unit says as the user whom it names, with the
// directories that systemd would have made.
func (r *root) startService() *program {
	r.t.Helper()
	unit := r.unit("usr/lib/systemd/system/stormdrain.service")
	words := strings.Fields(unit["ExecStart"])
	if len(words) == 0 || words[0] != "/usr/bin/stormdrain" || unit["StateDirectory"] != "stormdrain" {
		r.t.Fatalf("the unit starts %q in %q", unit["ExecStart"], unit["StateDirectory"])
	}
	args := slices.Clone(words[1:])
	for i, a := range args {
		a = strings.ReplaceAll(a, "%S/", "/var/lib/")
		if name, path, ok := strings.Cut(a, "=/"); ok {
			a = name + "=" + r.path(path)
		}
		if strings.Contains(a, "%") {
			r.t.Fatalf("the unit's %q has a specifier that this test does not know", words[i+1])
		}
		args[i] = a
	}
	p := &program{t: r.t, dataDir: r.path("var/lib/stormdrain")}
	if err := os.MkdirAll(p.dataDir, 0o750); err != nil {
		r.t.Fatal(err)
	}
	var as *syscall.SysProcAttr
	if os.Geteuid() == 0 {
		uid, gid := r.user(unit["User"])
		if err := os.Chown(p.dataDir, int(uid), int(gid)); err != nil {
			r.t.Fatal(err)
		}
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	run, err := spawn(args, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Dir, cmd.SysProcAttr = r.path(words[0]), "/", as
		cmd.Env = append(cmd.Env, "STORMDRAIN_WEB_LISTEN_ADDRESS=127.0.0.1:0", "STORMDRAIN_LOG_FORMAT=json")
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if p.run != nil {
			p.kill9()
		}
	})
	p.run = run
	p.addr = run.waitAddress(r.t)
	p.waitReady()
	return p
}

// unit reads the settings of a unit; of one that is repeated, the last.
func (r *root) unit(name string) map[string]string {
	r.t.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	settings := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			settings[key] = value
		}
	}
	return settings
}

// user looks up whom the package has made.
func (r *root) user(name string) (uid, gid uint32) {
	r.t.Helper()
	text, _ := os.ReadFile(r.path("etc/passwd"))
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ":")
		if fields[0] != name {
			continue
		}
		u, err := strconv.ParseUint(fields[2], 10, 32)
		g, gerr := strconv.ParseUint(fields[3], 10, 32)
		if err != nil || gerr != nil || u == 0 || g == 0 || !strings.Contains(line, "nologin") {
			r.t.Fatalf("the package's user is %q", line)
		}
		return uint32(u), uint32(g)
	}
	r.t.Fatalf("the package made no user %s: %q", name, text)
	return 0, 0
}

func (r *root) health(url string) (stdout string, code int) {
	r.t.Helper()
	var out strings.Builder
	run, err := spawn([]string{"health", "--url=" + url}, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Stdout = r.path("usr/bin/stormdrain"), &out
	})
	if err != nil {
		r.t.Fatal(err)
	}
	code = run.wait(r.t, time.Minute)
	if complaint := run.stderr.String(); (code == 0) != (complaint == "") {
		fmt.Fprintln(&out, complaint)
	}
	return out.String(), code
}
