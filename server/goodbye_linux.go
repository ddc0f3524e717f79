package server

import "golang.org/x/sys/unix"

// goodbye reports whether the other side will send nothing more, whatever of it is
// still to be read. A client that leaves a TLS connection says so in a record, which
// cannot be told from the beginning of another request without decrypting it; the end
// of the stream stands behind it, and only the kernel can see that.
func goodbye(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}
