package server

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

// Who leaves a TLS connection says so in a record, which is still unread when the end
// of the stream is there. The query ends as without TLS.
func TestQueryEndsWithItsClientOverTLS(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan struct{})
	f := &fake{events: func(ctx context.Context, _ *alert.Query, _ func(*alert.Stored) error) error {
		asked <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return ctx.Err()
	}}
	leave := func(t *testing.T, c net.Conn) {
		t.Helper()
		if _, err := io.WriteString(c, getPath("/api/v1/events", "")); err != nil {
			t.Fatal(err)
		}
		<-asked
		c.Close()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("the query goes on")
		}
	}
	for _, v := range []struct {
		name    string
		version uint16
	}{{"TLS12", tls.VersionTLS12}, {"TLS13", tls.VersionTLS13}} {
		t.Run(v.name, func(t *testing.T) {
			s := startSecured(t, f, testConfig(), "")
			c, err := tls.Dial("tcp", s.address(), &tls.Config{RootCAs: s.ca.Pool(), MaxVersion: v.version})
			if err != nil {
				t.Fatal(err)
			}
			leave(t, c)
		})
	}
}
