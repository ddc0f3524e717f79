// Package pgtest runs a private PostgreSQL cluster for a test: its own
// directory, a Unix socket and no TCP port, gone when the test ends. It uses
// the machine's binaries and talks to the server only through them, so that
// tests of any package may use it. A benchmark that is no test calls Open.
package pgtest

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// NoFsync is a setting for Start. Only a test that kills no machine and
// measures no commit may want it.
const NoFsync = "fsync=off"

// superuser is the role that initdb makes and that every URL names.
const superuser = "postgres"

// Cluster is one server with its directory. Its methods fail the test that
// started it; call them from that test's goroutine.
type Cluster struct {
	tb       testing.TB
	bin      binaries
	owner    *syscall.Credential // nil: the user who runs the test
	dir      string              // data, and the socket
	settings []string            // name=value, for every start of the server

	server *server // nil while stopped
}

// Start makes a cluster and waits until it accepts connections. Each setting
// is name=value, as in postgresql.conf. Without PostgreSQL on the machine the
// test fails: a skipped test of a store proves nothing.
func Start(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	c, err := prepare(settings)
	if err != nil {
		tb.Fatal(err)
	}
	c.tb = tb
	tb.Cleanup(c.remove) // runs when the test panics, too
	if err := c.open(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// prepare makes the directory of a cluster; the caller sees to its removal.
func prepare(settings []string) (*Cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// Not tb.TempDir: the server's user could not pass through its parent, and
	// the path of a socket must stay under 108 bytes.
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	return &Cluster{bin: bin, owner: owner, dir: dir, settings: settings}, nil
}

// open fills the directory and starts the server.
func (c *Cluster) open() error {
	if c.owner != nil {
		if err := os.Chown(c.dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			return err
		}
	}
	err := c.tool(c.bin.initdb, "--pgdata="+c.data(), "--username="+superuser, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	return c.launch()
}

// URL returns the connection string of a database.
func (c *Cluster) URL(db string) string {
	q := url.Values{"host": {c.dir}}
	return "postgres://" + superuser + "@/" + url.PathEscape(db) + "?" + q.Encode()
}

// CreateDatabase makes an empty database and returns its URL.
func (c *Cluster) CreateDatabase(name string) string {
	c.tb.Helper()
	if err := c.createDatabase(name); err != nil {
		c.tb.Fatal(err)
	}
	return c.URL(name)
}

// Stop shuts the server down in order, breaking its connections, and waits
// until it is gone. Stopping a stopped server does nothing.
func (c *Cluster) Stop() {
	c.tb.Helper()
	if err := c.stop(); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *Cluster) stop() error {
	if c.server == nil {
		return nil
	}
	if err := c.server.signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	c.server.wait()
	c.server = nil
	return nil
}

// Kill9 kills every process of the server and waits until they are gone.
func (c *Cluster) Kill9() {
	if c.server == nil {
		return
	}
	c.server.kill()
	c.server.wait()
	c.server = nil
}

// Restart starts the server again, after Stop, after Kill9 or in one go, and
// waits until it accepts connections.
func (c *Cluster) Restart() {
	c.tb.Helper()
	c.Stop()
	if err := c.launch(); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) createDatabase(name string) error {
	return c.tool(c.bin.createdb, "--host="+c.dir, "--username="+superuser, "--", name)
}

// launch starts the server and waits until it accepts connections.
func (c *Cluster) launch() error {
	args := []string{"-D", c.data(), "-c", "listen_addresses=", "-c", "unix_socket_directories=" + c.dir,
		"-c", "lc_messages=C", "-c", "logging_collector=off", "-c", "log_destination=stderr"}
	for _, s := range c.settings {
		args = append(args, "-c", s)
	}
	s, err := startServer(c.command(c.bin.postgres, args...))
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	c.server = s
	return nil
}

// tool waits for one of PostgreSQL's own tools.
func (c *Cluster) tool(program string, args ...string) error {
	if out, err := c.command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, out)
	}
	return nil
}

// command prepares a program that runs as the cluster's owner.
func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "PGCONNECT_TIMEOUT=10"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	return cmd
}

func (c *Cluster) remove() {
	c.Kill9()
	if err := os.RemoveAll(c.dir); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
	}
}
