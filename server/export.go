package server

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/server/events"
)

// exportChunk is about how many bytes of an export are in memory, and are sent
// at a time.
const exportChunk = 32 << 10

// export is the rest of an answer that is too long to be held: fasthttp lets it
// write itself, in the goroutine of its connection, once the header is sent.
type export struct {
	server  *Server
	client  *conn
	listing listing
	format  events.Format
	limit   int  // how many elements are wanted; 0: all
	gzip    bool // what is written is compressed

	buffer []byte // not yet sent
	sent   int    // elements that are in buffer or were in it
}

// startExport answers with a listing, to its end or to a limit. The first chunk is collected
// before the answer begins, so that a store that cannot be read is a 503; an
// export that fits into it has a Content-Length, too.
func (s *Server) startExport(ctx *fasthttp.RequestCtx, l listing, format events.Format, limit int) {
	e := &export{server: s, client: ctx.Conn().(*conn), listing: l, format: format, limit: limit}
	contentType := "application/x-ndjson"
	if format == events.CSV {
		contentType = "text/csv; charset=utf-8; header=present"
		e.buffer = append(e.buffer, l.words().csvHeader...)
	}
	err := e.read(limit, func() error {
		if len(e.buffer) >= exportChunk {
			return errPageFull
		}
		e.add()
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		s.notRead(ctx, err)
		return
	}
	if err != nil && !ctx.Request.Header.IsHTTP11() {
		s.refuse(ctx, fasthttp.StatusBadRequest, "an export of this length needs HTTP/1.1; ask for format=json, which comes in pages")
		return
	}
	ctx.Response.Header.SetContentType(contentType)
	if err == nil {
		ctx.Response.SetBodyRaw(e.buffer)
		return
	}
	ctx.Response.SetBodyStream(e, -1)
}

func (e *export) read(limit int, yield func() error) error {
	return e.server.ask(e.client, func(ctx context.Context) error { return e.listing.read(ctx, limit, yield) })
}

func (e *export) add() {
	e.buffer = e.listing.appendTo(e.buffer, e.format)
	if e.format == events.NDJSON {
		e.buffer = append(e.buffer, '\n')
	}
	e.sent++
}

// WriteTo writes what is in the buffer and then all that comes after it. An
// error breaks the connection off before the last chunk, so the client can tell
// half an export from a whole one.
func (e *export) WriteTo(w io.Writer) (total int64, err error) {
	if !e.gzip {
		return e.writeTo(w)
	}
	z := e.server.encoders.Gzip(w)
	if total, err = e.writeTo(gzipStream{z}); err != nil {
		return total, err
	}
	return total, z.Close()
}

func (e *export) writeTo(w io.Writer) (total int64, err error) {
	flush := func() error {
		// The server's write timeout is for one answer; an export may take an
		// hour, as long as the client keeps taking it.
		if err := e.client.SetWriteDeadline(time.Now().Add(e.server.cfg.WriteTimeout)); err != nil {
			return err
		}
		n, err := w.Write(e.buffer)
		total += int64(n)
		e.buffer = e.buffer[:0]
		return err
	}
	if err := flush(); err != nil {
		return total, err
	}
	rest := 0
	if e.limit > 0 {
		if rest = e.limit - e.sent; rest == 0 {
			return total, nil
		}
	}
	var writing error
	err = e.read(rest, func() error {
		e.add()
		if len(e.buffer) >= exportChunk {
			writing = flush()
		}
		return writing
	})
	if err == nil {
		err = flush()
	} else if writing == nil {
		e.server.complain.Warn().Err(err).Str("of", e.listing.words().key).Int("sent", e.sent).Msg("an export was broken off")
	}
	return total, err
}

// SupportsBodyWriteTo tells fasthttp that WriteTo is all there is.
func (e *export) SupportsBodyWriteTo() bool { return true }

func (e *export) Read([]byte) (int, error) {
	return 0, errors.New("BUG: an export is written, not read")
}
