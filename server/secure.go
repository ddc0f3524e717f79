package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// tcpBelow is the TCP connection that TLS reads from. It gives the byte back
// that was waited for.
type tcpBelow struct {
	net.Conn
	first    byte
	hasFirst bool
}

func (t *tcpBelow) Read(p []byte) (int, error) {
	if t.hasFirst && len(p) > 0 {
		t.hasFirst = false
		p[0] = t.first
		return 1, nil
	}
	return t.Conn.Read(p)
}

// shakeHands does the handshake, once the client has begun it. crypto/tls takes
// a deadline that passes within a handshake for the end of the connection, so
// the time before it is spent below, where a deadline may begin a rest.
func (c *conn) shakeHands() error {
	if !c.hasFirst {
		n, err := c.tcp.Conn.Read(c.first[:])
		if n == 0 {
			return c.nothing(err)
		}
	}
	c.tcp.first, c.tcp.hasFirst, c.hasFirst = c.first[0], true, false
	if err := c.tcp.SetDeadline(time.Now().Add(c.listener.readTimeout)); err != nil {
		return err
	}
	if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
		c.listener.notSecured(c, err)
		return io.EOF // for fasthttp: nobody is there who could be answered
	}
	c.secured = true
	if err := c.tcp.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	return c.SetReadDeadline(c.deadline) // to wait for a request, as before
}

// plainAnswer is for somebody who speaks HTTP where TLS is expected. Its code is
// that of Go's own server.
func (s *Server) plainAnswer() []byte {
	const line = "this port speaks TLS; write https:// in the URL\n"
	return fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: %d\r\n%s: %s\r\nConnection: close\r\n\r\n%s", len(line), headerRequestID, s.ids.append(nil), line)
}

// notSecured notes a handshake that failed, and answers if that can be done.
func (s *Server) notSecured(c *conn, err error) {
	s.Metrics.HTTPHandshakesFailed.Inc()
	s.handshakes.failed(s.Log, c.RemoteAddr().String()+": "+err.Error())
	var header tls.RecordHeaderError
	if errors.As(err, &header) && looksLikeHTTP(header.RecordHeader) {
		_, _ = c.tcp.Write(s.plainAnswer()) // whoever does not get it sees a closed connection
		c.linger.Store(true)
	}
}

// looksLikeHTTP reports whether the first bytes are those of a method.
func looksLikeHTTP(first [5]byte) bool {
	switch string(first[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// currentTLS returns the settings for a new connection; nil: it is not to be
// secured.
func (s *Server) currentTLS() *tls.Config {
	t := s.guard.Load().tls
	if t == nil {
		return nil
	}
	settings, err := t.Current()
	if err != nil {
		s.Log.Error().Err(err).Msg("a certificate that has changed cannot be used; the one from before stays")
	}
	return settings
}
