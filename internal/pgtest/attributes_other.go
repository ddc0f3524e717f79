//go:build unix && !linux

package pgtest

import "syscall"

// dieWithParent has no counterpart here: only the test's own cleanup stops the
// server.
func dieWithParent(*syscall.SysProcAttr) {}
