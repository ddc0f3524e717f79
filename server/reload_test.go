package server

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// reloading is a Reloader that answers what it is told.
type reloading struct {
	restart []string
	err     error
}

func (r *reloading) Reload() ([]string, error) { return r.restart, r.err }

type invalid struct{ error }

func (invalid) Invalid() bool { return true }

func TestReload(t *testing.T) {
	f, r := &fake{}, &reloading{}
	parts := f.parts(nil)
	parts.Reloader = r
	s, err := Open(testConfig(), parts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	check := func(method string, err error, code int, body string) {
		t.Helper()
		r.err = err
		got := raw(t, s, method+" /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
		if got.code != code || !strings.Contains(got.body, body) || strings.Count(got.body, "\n") != 1 {
			t.Errorf("%s: %+v", method, got)
		}
		if method != "POST" && got.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow is %q", method, got.header.Get("Allow"))
		}
	}
	check("POST", nil, 200, "reloaded")
	r.restart = []string{"server.listen", "journal.max_bytes"}
	check("POST", nil, 200, "reloaded; in effect only after a restart: server.listen, journal.max_bytes\n")
	check("POST", invalid{errors.New("log.level: no\nsuch level")}, 400, "log.level: no such level")
	check("POST", errors.New("no room"), 500, "no room")
	check("GET", nil, 405, "POST")
	check("PUT", nil, 405, "POST")
	if got := raw(t, start(t, testConfig(), f), "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); got.code != 404 {
		t.Errorf("without a Reloader: %+v", got)
	}
}
