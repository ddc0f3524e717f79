package check

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// builder is buildah with a storage of its own, and without a daemon, namespaces or an
// overlay: what the Dockerfile says runs in a chroot.
type builder struct {
	t    *testing.T
	dir  string
	base []string
}

// asRoot is for what changes its root or mounts.
func asRoot(words ...string) []string {
	if os.Geteuid() == 0 {
		return words
	}
	return append([]string{"sudo", "-n"}, words...)
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	dir, err := os.MkdirTemp("", "stormdrain-image") // not t.TempDir: sudo's files are not ours to remove
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{t, dir, asRoot("buildah", "--root", dir+"/root", "--runroot", dir+"/run", "--storage-driver", "vfs")}
	t.Cleanup(func() {
		b.do("rm", "--all")
		if out, err := command(asRoot("rm", "-rf", dir)...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return b
}

func command(words ...string) *exec.Cmd { return exec.Command(words[0], words[1:]...) }

// do returns what buildah writes to standard output.
func (b *builder) do(args ...string) string {
	b.t.Helper()
	var complaints strings.Builder
	cmd := command(append(slices.Clone(b.base), args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	cmd.Dir, cmd.Stderr = "../..", &complaints
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("buildah %v: %v (make deps installs it)\n%s%s", args, err, out, complaints.String())
	}
	return strings.TrimSpace(string(out))
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// standIn makes an image of the name that the Dockerfile builds upon, which is in a
// registry far away: the shell and the few tools that it calls, of this machine. Go
// itself comes as a volume.
func (b *builder) standIn(name string) {
	b.t.Helper()
	working := b.do("from", "scratch")
	root := b.do("mount", working)
	if out, err := command(asRoot("sh", "-c", `set -e
root=$0
mkdir -p "$root/bin" "$root/etc/ssl/certs" "$root/tmp" "$root/root"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
for tool in sh mkdir cp chmod; do
	cp -L "$(command -v "$tool")" "$root/bin/"
	ldd "$root/bin/$tool" | grep -o '/[^ ]*' | while read -r f; do
		mkdir -p "$root$(dirname "$f")"
		cp -L "$f" "$root$f"
	done
done`, root)...).CombinedOutput(); err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
	settings := []string{"config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "HOME=/root", "--env", "GOFLAGS=-pgo=off"} // takes minutes with it
	for _, name := range []string{"GOPROXY", "GOSUMDB"} {
		settings = append(settings, "--env", name+"="+goEnv(b.t, name))
	}
	b.do(append(settings, working)...)
	b.do("commit", "--quiet", working, name)
	b.do("rm", working)
}

// imageConfig is what an image says of how it is run.
type imageConfig struct {
	User        string
	Env         []string
	Entrypoint  []string
	Volumes     map[string]struct{}
	Healthcheck struct{ Test []string }
	StopSignal  string
}

// TestImage builds the Dockerfile, and runs what comes out as a container of Compose
// or Kubernetes is run: as the image's user, without any capability, on a root that
// cannot be written to.
func TestImage(t *testing.T) {
	b := newBuilder(t)
	stages, _ := dockerfile(t)
	b.standIn("docker.io/library/" + stages[0].BaseName)
	b.do("build", "--quiet", "--pull=never", "--network=host", "--format=docker", "--tag=stormdrain", "--build-arg=VERSION=1.2.3",
		"--volume="+goEnv(t, "GOROOT")+":/usr/local/go:ro", "--volume="+goEnv(t, "GOMODCACHE")+":/root/go/pkg/mod", "--volume="+goEnv(t, "GOCACHE")+":/root/.cache/go-build", ".")

	var image struct{ Docker struct{ Config imageConfig } }
	if err := json.Unmarshal([]byte(b.do("inspect", "--type=image", "stormdrain")), &image); err != nil {
		t.Fatal(err)
	}
	root := b.do("mount", b.do("from", "--pull=never", "localhost/stormdrain"))
	out, err := command(asRoot("find", root, "-mindepth", "1", "-not", "-type", "d", "-printf", "%P %m %U\n", "-o",
		"-path", root+"/data", "-printf", "%P %m %U\n", "-o", "-path", root+"/tmp", "-printf", "%P %m %U\n")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(files)
	want := []string{"data 755 65532", "etc/group 644 0", "etc/passwd 644 0", "etc/ssl/certs/ca-certificates.crt 644 0", "tmp 1777 0", "usr/bin/stormdrain 755 0"}
	if !slices.Equal(files, want) {
		t.Errorf("in the image are\n%s\nwant\n%s", strings.Join(files, "\n"), strings.Join(want, "\n"))
	}

	c := &container{t: t, root: root, image: image.Docker.Config, address: freeAddress(t)}
	c.start()
	c.post(`{"receiver":"r","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"InTheImage"},"annotations":{},"startsAt":"2026-11-23T03:12:00Z"}]}`)
	if health := c.image.Healthcheck.Test; len(health) < 2 || health[0] != "CMD" {
		t.Errorf("HEALTHCHECK is %q", health)
	} else if out, err := c.command(health[1:]...).CombinedOutput(); err != nil {
		t.Errorf("HEALTHCHECK: %v\n%s", err, out)
	}
	c.stop()
	c.start()
	c.waitFor("/api/v1/events", `"alertname":"InTheImage"`)
	c.waitFor("/metrics", `version="1.2.3"`) // the build argument
	c.stop()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// container is the image run by the kernel alone: mounts of its own and a changed
// root, the network of the machine.
type container struct {
	t       *testing.T
	root    string
	image   imageConfig
	address string

	run    *exec.Cmd
	log    *os.File
	exited chan error
}

// command runs within the container. /data keeps what is written to it.
func (c *container) command(words ...string) *exec.Cmd {
	args := asRoot("unshare", "--mount", "sh", "-c", `set -e
root=$0 user=$1
shift
mount --bind "$root" "$root"
mount --bind "$root/data" "$root/data"
mount -o remount,ro,bind "$root"
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid env -i "$@"`, c.root, c.image.User)
	args = append(args, c.image.Env...)
	args = append(args, "STORMDRAIN_WEB_LISTEN_ADDRESS="+c.address, "STORMDRAIN_URL=http://"+c.address, "chroot", "--userspec="+c.image.User, c.root)
	return command(append(args, words...)...)
}

func (c *container) start() {
	c.t.Helper()
	var err error
	if c.log, err = os.Create(filepath.Join(c.t.TempDir(), "log")); err != nil {
		c.t.Fatal(err)
	}
	c.run = c.command(c.image.Entrypoint...)
	c.run.Stderr = c.log
	if err := c.run.Start(); err != nil {
		c.t.Fatal(err)
	}
	run, exited := c.run, make(chan error, 1)
	c.exited = exited
	go func() { exited <- run.Wait() }()
	c.t.Cleanup(func() { _ = run.Process.Kill() }) // it has ended in a test that succeeds
	c.waitFor("/-/ready", "")
}

func (c *container) said() string {
	text, _ := os.ReadFile(c.log.Name())
	return string(text)
}

func (c *container) stop() {
	c.t.Helper()
	if c.image.StopSignal != "SIGTERM" {
		c.t.Errorf("STOPSIGNAL is %q", c.image.StopSignal)
	}
	if err := c.run.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if err := <-c.exited; err != nil {
		c.t.Errorf("stopped: %v\n%s", err, c.said())
	}
	c.log.Close()
}

func (c *container) post(body string) {
	c.t.Helper()
	resp, err := http.Post("http://"+c.address+"/webhook", "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		c.t.Errorf("a delivery is answered with %s", resp.Status)
	}
}

// waitFor asks until the answer is a 200 with text in it.
func (c *container) waitFor(path, text string) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		resp, err := http.Get("http://" + c.address + path)
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode == 200 && strings.Contains(string(body), text) {
				return
			}
		}
		select {
		case err := <-c.exited:
			c.t.Fatalf("it ended: %v\n%s", err, c.said())
		default:
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("no %q from %s (%v)\n%s", text, path, err, c.said())
		}
	}
}
