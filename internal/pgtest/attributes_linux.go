package pgtest

import "syscall"

// dieWithParent lets the kernel tell a server to quit when the test process
// dies without running its cleanups.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
