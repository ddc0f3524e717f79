//go:build unix

package server

import (
	"syscall"
	"time"
)

// lookEvery is how long a query may go on for a client that has left. One that
// is writing notices by itself; this is for the ones that find nothing.
const lookEvery = time.Second

// waitUntilGone calls gone when the client has closed the connection, and
// returns then, or when stop is closed.
func (c *conn) waitUntilGone(stop <-chan struct{}, gone func()) {
	sc, ok := c.socket().(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		if raw.Control(func(fd uintptr) {
			if closedByPeer(int(fd)) || c.secured && goodbye(int(fd)) {
				gone()
			}
		}) != nil {
			gone() // closed by us
			return
		}
	}
}

// closedByPeer looks at what would be read next without reading it. That is not
// enough under TLS, see goodbye.
func closedByPeer(fd int) bool {
	var one [1]byte
	n, _, err := syscall.Recvfrom(fd, one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	switch err {
	case nil:
		return n == 0
	case syscall.EAGAIN, syscall.EINTR:
		return false
	}
	return true
}
