// Package systemd speaks the protocols of the service manager: sockets that it
// keeps open for us, and messages about how we are. Without a service manager
// that asks for them, nothing here does anything.
package systemd

import (
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// Listeners returns the sockets that were handed to this process (socket
// activation, sd_listen_fds), in the order of the unit; none is no error. The
// environment forgets them: no process that we start takes them for its own.
func Listeners() ([]net.Listener, error) {
	var listeners []net.Listener
	for _, file := range activation.Files(true) {
		l, err := net.FileListener(file) // works on a duplicate
		name := file.Name()
		file.Close()
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, fmt.Errorf("socket %s from the service manager is no stream that listens (ListenStream=): %w", name, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}
