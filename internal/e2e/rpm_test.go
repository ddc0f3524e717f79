package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newRPMRoot is a root with what rpm's scripts call, copied from this machine: unlike
// dpkg's they run within the root.
func newRPMRoot(t *testing.T) *root {
	t.Helper()
	r := newRoot(t)
	tools := []string{"sh", "getent", "systemd-sysusers", "systemctl"}
	copied := exec.Command("sh", append([]string{"-c", `set -e
root=$0
for dir in bin sbin lib lib64; do
	mkdir -p "$root/usr/$dir"
	ln -s "usr/$dir" "$root/$dir"
done
for tool; do
	file=$(command -v "$tool")
	{ echo "$file"; ldd "$file" | grep -o '/[^ ]*'; } | while read -r f; do
		mkdir -p "$root$(dirname "$f")"
		cp -L "$f" "$root$f"
	done
done`, r.dir}, tools...)...)
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("copy %v: %v\n%s", tools, err, out)
	}
	for _, d := range []string{"dev", "tmp", "run", "proc"} {
		if err := os.MkdirAll(r.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.write("dev/null", "") // good enough for scripts that read nothing and say nothing
	// Red Hat and its kin enable no service at its installation.
	if err := os.MkdirAll(r.path("usr/lib/systemd/system-preset"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write("usr/lib/systemd/system-preset/99-default-disable.preset", "disable *\n")
	return r
}

// rpm returns what it says. A script that fails is only a warning to it.
func (r *root) rpm(args ...string) string {
	r.t.Helper()
	cmd := inRoot("rpm", append([]string{"--root", r.dir, "--dbpath", "/var/lib/rpm"}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "scriptlet") {
		r.t.Errorf("rpm %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// inRoot is asRoot for a program that changes into the root.
func inRoot(name string, args ...string) *exec.Cmd {
	if os.Geteuid() == 0 {
		return exec.Command(name, args...)
	}
	return exec.Command("fakechroot", append([]string{"fakeroot", name}, args...)...)
}

const enabledLink = "etc/systemd/system/multi-user.target.wants/stormdrain.service"

func (r *root) enabled() bool {
	_, err := os.Lstat(r.path(enabledLink))
	return err == nil
}

func liveWithRPM(t *testing.T, first, next string) {
	r := newRPMRoot(t)
	before := r.files()
	r.rpm("--install", "--nodeps", first)
	if r.rpm("--query", "stormdrain") != "stormdrain-1.2.3~test-1.x86_64\n" {
		t.Error("it is not installed")
	}
	// Every file is as the package says: content, mode, owner, the group that its first
	// script has made.
	if said := r.rpm("--verify", "--nodeps", "stormdrain"); said != "" {
		t.Errorf("not as in the package:\n%s", said)
	}
	uid, gid := r.user("stormdrain")
	if r.enabled() {
		t.Error("enabled, against the presets of the system")
	}

	p := r.startService()
	c := p.client()
	c.deliver("/webhook/packaged", "pkg", loadBody(0), loadAlerts(0))
	c.waitAtRest()
	if said, code := r.health(p.url() + "/-/ready"); code != 0 || said != "ready\n" {
		t.Errorf("health says %q, exit status %d", said, code)
	}
	if code := p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d", code)
	}

	// An upgrade keeps what the administrator has written and switched on.
	configured := "storage: {batch_rows: 4999}\n"
	r.write("etc/stormdrain/stormdrain.yml", configured)
	if out, err := exec.Command("systemctl", "--root="+r.dir, "enable", "stormdrain.service").CombinedOutput(); err != nil {
		t.Fatalf("enable: %v\n%s", err, out)
	}
	r.rpm("--upgrade", "--nodeps", next)
	if got := r.rpm("--query", "stormdrain"); got != "stormdrain-1.2.4-1.x86_64\n" {
		t.Errorf("after the upgrade %q", got)
	}
	if got, _ := os.ReadFile(r.path("etc/stormdrain/stormdrain.yml")); string(got) != configured {
		t.Errorf("after the upgrade the configuration is %q", got)
	}
	if !r.enabled() {
		t.Error("the upgrade has disabled it")
	}
	if u, g := r.user("stormdrain"); u != uid || g != gid {
		t.Errorf("the upgrade has made another user: %d:%d, was %d:%d", u, g, uid, gid)
	}
	p = r.startService()
	if got := len(p.client().events("source=packaged")); got != loadAlerts(0) {
		t.Errorf("%d events after the upgrade, want %d", got, loadAlerts(0))
	}
	if code := p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d", code)
	}

	// A removal leaves the alerts, and the configuration under another name.
	r.rpm("--erase", "--nodeps", "stormdrain")
	if r.enabled() {
		t.Error("still enabled after the removal")
	}
	var left []string
	for _, f := range r.files() {
		if !slices.Contains(before, f) && !strings.HasPrefix(f, "var/lib/rpm/") && filepath.Dir(f) != "var/lib/stormdrain/journal" {
			left = append(left, f)
		}
	}
	want := []string{"etc/stormdrain/stormdrain.yml.rpmsave", "var/lib/stormdrain/lock", "var/lib/stormdrain/stormdrain.db"}
	if !slices.Equal(left, want) {
		t.Errorf("the removal leaves\n%s\nwant\n%s", strings.Join(left, "\n"), strings.Join(want, "\n"))
	}
	if _, err := os.Stat(r.path("var/lib/stormdrain/journal/identity")); err != nil {
		t.Error(err)
	}
}
