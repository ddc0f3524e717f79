package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
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

// slowRequest sends a request up to the middle of its body.
func slowRequest(t *testing.T, p *program) (conn net.Conn, rest []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	body := loadBody(0)
	fmt.Fprintf(conn, "POST /webhook/load HTTP/1.1\r\nHost: x\r\nX-Request-ID: load-0\r\nContent-Length: %d\r\n\r\n", len(body))
	if _, err := conn.Write(body[:10]); err != nil {
		t.Fatal(err)
	}
	eventually(t, startLimit, func() string {
		if strings.Contains(p.client().do("GET", "/metrics", nil).body, "stormdrain_http_requests_in_flight 2\n") {
			return ""
		}
		return "the request is not in flight"
	})
	return conn, body[10:]
}

// TestReadinessFallsFirst: from SIGTERM on, who asks hears that we go, while the
// request in flight is still waited for, answered and stored.
func TestReadinessFallsFirst(t *testing.T) {
	p := startProgram(t)
	conn, rest := slowRequest(t, p)
	if err := p.run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, startLimit, func() string {
		if got := p.client().do("GET", "/-/ready", nil); got.code != 503 || !strings.Contains(got.body, "shutting down") {
			return fmt.Sprintf("ready: %d %q", got.code, got.body)
		}
		return ""
	})
	if got := p.client().do("GET", "/-/healthy", nil); got.code != 200 {
		t.Errorf("healthy: %d", got.code)
	}
	if got := p.client().do("POST", "/webhook", loadBody(1)); got.code != 503 || !strings.Contains(got.body, "shutting down; try again") {
		t.Errorf("alerts that come now: %d %q", got.code, got.body)
	}
	if _, err := conn.Write(rest); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("the request in flight: %v, %+v", err, resp)
	}
	if code := p.run.wait(t, startLimit); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	p.checkLog()
	p.start()
	c := p.client()
	c.waitAtRest()
	if got := len(c.events("")); got != loadAlerts(0) {
		t.Errorf("%d events, want those of the request in flight, %d", got, loadAlerts(0))
	}
}

// TestSecondSignal: who does not want to wait need not.
func TestSecondSignal(t *testing.T) {
	p := startProgram(t, "--shutdown.timeout=10m", "--webhook.request-timeout=10m", "--server.read-timeout=10m")
	slowRequest(t, p)
	if err := p.run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, startLimit, func() string {
		if strings.Contains(p.run.stderr.String(), "shutting down") {
			return ""
		}
		return "no word of it in the log"
	})
	if err := p.run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.run.wait(t, startLimit)
	if state, ok := p.run.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !state.Signaled() || state.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v, want the signal itself", p.run.cmd.ProcessState)
	}
	p.run = nil
}
