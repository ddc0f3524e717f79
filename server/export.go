package server

import (
	"context"
	"errors"

	"github.com/valyala/fasthttp"

	"stormdrain/server/events"
)

// exportChunk is about how many bytes of an export are in memory, and are sent
// at a time.
const exportChunk = 32 << 10

// export is a listing, an element a line.
type export struct {
	longAnswer
	listing listing
	format  events.Format
	limit   int // how many elements are wanted; 0: all
	sent    int // elements that are in buffer or were in it
}

// startExport answers with a listing, to its end or to a limit. The first chunk is collected
// before the answer begins, so that a store that cannot be read is a 503; an
// export that fits into it has a Content-Length, too.
func (s *Server) startExport(ctx *fasthttp.RequestCtx, l listing, format events.Format, limit int) {
	e := &export{longAnswer: longAnswer{server: s, client: ctx.Conn().(*conn)}, listing: l, format: format, limit: limit}
	e.rest, e.broken = e.readOn, e.brokenOff
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
	ctx.Response.SetBodyStream(&e.longAnswer, -1)
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

// readOn appends all that comes after the first chunk.
func (e *export) readOn(flush func() error) error {
	if err := flush(); err != nil {
		return err
	}
	rest := 0
	if e.limit > 0 {
		if rest = e.limit - e.sent; rest == 0 {
			return nil
		}
	}
	return e.read(rest, func() error {
		e.add()
		if len(e.buffer) >= exportChunk {
			return flush()
		}
		return nil
	})
}

func (e *export) brokenOff(err error) {
	e.server.complain.Warn().Err(err).Str("of", e.listing.words().key).Int("sent", e.sent).Msg("an export was broken off")
}
