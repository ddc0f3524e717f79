package e2e

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestShutdown stops the program in order, under load.
func TestShutdown(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		const limit = 10 * time.Second
		p := startProgram(t, append(store.flags, "--shutdown.timeout="+limit.String())...)
		l := startLoad(p, crashConnections, crashRate)
		for range 3 {
			l.waitAcked(300, ackLimit)
			if code := p.terminate(limit + 5*time.Second); code != 0 {
				t.Errorf("exit status %d after SIGTERM, want 0", code)
			}
			p.start()
		}
		l.stop()
		p.client().waitAtRest()
		verify(t, l, store, p)
	})
}

// TestStopsListening checks that nothing answers once the program is gone, and
// that the next one takes the port at once.
func TestStopsListening(t *testing.T) {
	p := startProgram(t)
	if code := p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d after SIGTERM without load, want 0", code)
	}
	if conn, err := net.DialTimeout("tcp", p.addr, time.Second); err == nil {
		conn.Close()
		t.Errorf("somebody listens on %s", p.addr)
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	p.start()
}
