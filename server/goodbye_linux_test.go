package server

import (
	"io"
	"net"
	"syscall"
	"testing"
)

// A client that has sent its next request already has not left. One that has left has,
// though that request is still unread.
func TestGoodbye(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	raw, err := ours.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	left := func() (yes bool) {
		if err := raw.Control(func(fd uintptr) { yes = goodbye(int(fd)) }); err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if left() {
		t.Error("before the first byte")
	}
	io.WriteString(client, "GET /next")
	if _, err := ours.Read(make([]byte, 1)); err != nil { // the rest is there and unread
		t.Fatal(err)
	}
	if left() {
		t.Error("with a request that waits")
	}
	client.Close()
	eventually(t, "the end is seen behind what is unread", left)
}
