package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
)

// socketOptions are what may be set on each connection that is accepted, to see what
// it is worth where nothing else takes time. Go has set TCP_NODELAY already.
var socketOptions = map[string]func(fd int) error{
	"TCP_NODELAY=0":   socketOption(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 0),
	"TCP_QUICKACK=1":  socketOption(syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1),
	"SO_RCVBUF=32KiB": socketOption(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10),
	"SO_RCVBUF=1MiB":  socketOption(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1<<20),
}

func socketOption(level, name, value int) func(fd int) error {
	return func(fd int) error { return syscall.SetsockoptInt(fd, level, name, value) }
}

// withSocketOption returns l, or one that sets the option on what it accepts.
func withSocketOption(l net.Listener, option string) (net.Listener, error) {
	if option == "" {
		return l, nil
	}
	set, ok := socketOptions[option]
	if !ok {
		return nil, fmt.Errorf("-socket %q: want one of %s", option, strings.Join(slices.Sorted(maps.Keys(socketOptions)), ", "))
	}
	return tuned{l, set}, nil
}

type tuned struct {
	net.Listener
	set func(fd int) error
}

func (l tuned) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	var refused error
	if err == nil {
		err = raw.Control(func(fd uintptr) { refused = l.set(int(fd)) })
	}
	if err = errors.Join(err, refused); err != nil {
		c.Close()
		return nil, fmt.Errorf("set a socket option: %w", err)
	}
	return c, nil
}
