package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// query runs one statement through psql and returns what it prints.
func query(t *testing.T, c *Cluster, db, sql string) (string, error) {
	t.Helper()
	psql := exec.Command(filepath.Join(filepath.Dir(c.bin.initdb), "psql"), "-XAt", "-d", c.URL(db), "-c", sql)
	out, err := psql.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestCluster(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("life", func(t *testing.T) {
		c := Start(t, NoFsync)
		dir = c.dir
		f := func(db, sql, want string) {
			t.Helper()
			got, err := query(t, c, db, sql)
			if err != nil || got != want {
				t.Fatalf("%s: got %q, %v; want %q", sql, got, err, want)
			}
		}
		c.CreateDatabase("a b/c?")
		f("a b/c?", "SELECT current_database()", "a b/c?")
		f("postgres", "SHOW fsync", "off")
		f("postgres", "SHOW listen_addresses", "")
		f("postgres", "CREATE TABLE kept AS SELECT 7 AS n", "SELECT 1")

		c.Kill9()
		if out, err := query(t, c, "postgres", "SELECT 1"); err == nil {
			t.Fatalf("a killed server answers %q", out)
		}
		c.Restart()
		f("postgres", "SELECT n FROM kept", "7")

		c.Stop()
		c.Stop()
		if out, err := query(t, c, "postgres", "SELECT 1"); err == nil {
			t.Fatalf("a stopped server answers %q", out)
		}
		c.Restart()
		f("postgres", "SELECT n FROM kept", "7")
		c.Restart()
		f("postgres", "SELECT n FROM kept", "7")
	})
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", dir, err)
	}
}

func TestStartTellsWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	c := Start(t, NoFsync)
	c.Stop()
	_, err := startServer(c.command(c.bin.postgres, "-D", c.data(), "-c", "no_such_setting=1"))
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v", err)
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	p, err := Open(NoFsync)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.CreateDatabase("mine"); err != nil {
		t.Fatal(err)
	}
	if got, err := query(t, p.cluster, "mine", "SELECT current_database()"); err != nil || got != "mine" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := p.CreateDatabase("mine"); err == nil {
		t.Error("a database was made twice")
	}
	if len(children(p.PID())) == 0 {
		t.Errorf("process %d has no children", p.PID())
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := query(t, p.cluster, "mine", "SELECT 1"); err == nil {
		t.Errorf("a stopped server answers %q", out)
	}
	for range 2 {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := query(t, p.cluster, "mine", "SELECT current_database()"); err != nil || got != "mine" {
		t.Errorf("after a stop and a start: %q, %v", got, err)
	}
	p.Close()
	p.Close()
	if _, err := os.Stat(p.cluster.dir); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", p.cluster.dir, err)
	}
	if _, err := Open("no_such_setting=1"); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v", err)
	}
}
