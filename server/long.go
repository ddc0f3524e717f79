package server

import (
	"errors"
	"io"
	"time"

	"github.com/valyala/fasthttp"
)

// longAnswer is an answer that may be too long to be held: fasthttp lets it write
// itself, in the goroutine of its connection, once the header is sent.
type longAnswer struct {
	server *Server
	client *conn
	gzip   bool // what is written is compressed

	buffer []byte                         // not yet sent
	rest   func(flush func() error) error // appends all that follows, and flushes what has become long
	broken func(err error)                // says that the store could not be read to the end
}

// WriteTo writes the whole answer. An error breaks the connection off before the
// last chunk, so the client can tell half an answer from a whole one.
func (a *longAnswer) WriteTo(w io.Writer) (total int64, err error) {
	if !a.gzip {
		return a.writeTo(w)
	}
	z := a.server.encoders.Gzip(w)
	if total, err = a.writeTo(gzipStream{z}); err != nil {
		return total, err
	}
	return total, z.Close()
}

func (a *longAnswer) writeTo(w io.Writer) (total int64, err error) {
	var writing error
	flush := func() error {
		// The server's write timeout is for one answer; this one may take an hour,
		// as long as the client keeps taking it.
		if writing = a.client.SetWriteDeadline(time.Now().Add(a.server.cfg.WriteTimeout)); writing != nil {
			return writing
		}
		var n int
		n, writing = w.Write(a.buffer)
		total += int64(n)
		a.buffer = a.buffer[:0]
		return writing
	}
	if err = a.rest(flush); err == nil {
		err = flush()
	} else if writing == nil {
		a.broken(err)
	}
	return total, err
}

// SupportsBodyWriteTo tells fasthttp that WriteTo is all there is.
func (a *longAnswer) SupportsBodyWriteTo() bool { return true }

func (a *longAnswer) Read([]byte) (int, error) {
	return 0, errors.New("BUG: a long answer is written, not read")
}

// startValue begins an answer that is one JSON value. rest runs when the header is
// sent, and with it what is in the buffer.
func (a *longAnswer) startValue(ctx *fasthttp.RequestCtx, rest func(flush func() error) error) {
	if !ctx.Request.Header.IsHTTP11() {
		say(ctx, fasthttp.StatusBadRequest, "an answer of this length needs HTTP/1.1; ask for less, with filter or receiver")
		return
	}
	a.rest = rest
	a.broken = func(err error) {
		a.server.complain.Warn().Err(err).Msg("an answer was broken off, the store could not be read to the end")
	}
	ctx.Response.Header.SetContentType(typeJSON)
	ctx.Response.SetBodyStream(a, -1)
}
