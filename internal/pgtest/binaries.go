package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// binaries are the programs of one installation.
type binaries struct{ initdb, postgres, createdb string }

// findBinaries looks along PATH, then where Debian keeps its versions, newest
// first.
func findBinaries() (binaries, error) {
	var dirs []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(initdb))
	}
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return binaries{}, err
	}
	slices.SortFunc(versions, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(dirs, versions...) {
		b := binaries{filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres"), filepath.Join(dir, "createdb")}
		if executable(b.initdb) && executable(b.postgres) && executable(b.createdb) {
			return b, nil
		}
	}
	return binaries{}, errors.New("PostgreSQL is not installed: initdb, postgres and createdb are neither in PATH nor in /usr/lib/postgresql/*/bin (on Debian: apt-get install postgresql)")
}

// version reads 15 out of /usr/lib/postgresql/15/bin, 0 out of anything else.
func version(bin string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// unprivileged returns whom to run the server as: PostgreSQL refuses root, so
// root borrows another user. nil: run as ourselves.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}
