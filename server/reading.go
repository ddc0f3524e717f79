package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// readEvents is GET and HEAD /api/v1/events.
func (s *Server) readEvents(ctx *fasthttp.RequestCtx) {
	q, format, err := eventQuery(ctx, time.Now())
	if err != nil {
		s.refuse(ctx, fasthttp.StatusBadRequest, oneLine(err.Error()))
		return
	}
	if format == events.JSON {
		s.readPage(ctx, q)
		return
	}
	s.startExport(ctx, q, format)
}

func eventQuery(ctx *fasthttp.RequestCtx, now time.Time) (*alert.Query, events.Format, error) {
	var p events.Params
	for name, value := range ctx.QueryArgs().All() {
		if err := p.Set(string(name), string(value), now); err != nil {
			return nil, 0, err
		}
	}
	return p.Query()
}

// largestPage is after how many bytes a page ends before its limit is reached,
// so that 10 000 events of a megabyte each do not meet in memory. The cursor
// goes on from there as from any other page.
const largestPage = 32 << 20

var errPageFull = errors.New("page full")

// readPage answers with one page as a JSON object. One event more than the page
// holds is asked for: it tells whether there is a next page at all.
func (s *Server) readPage(ctx *fasthttp.RequestCtx, q *alert.Query) {
	limit := q.Limit
	q.Limit++
	var last alert.Cursor
	more, n := false, 0
	page := []byte(`{"events":[`)
	err := s.query(ctx.Conn().(*conn), q, func(e *alert.Stored) error {
		if n == limit || len(page) >= largestPage {
			more = true
			return errPageFull
		}
		if n > 0 {
			page = append(page, ',')
		}
		page = events.AppendJSON(page, e)
		last = e.Cursor()
		n++
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		s.notRead(ctx, err)
		return
	}
	page = append(page, `],"next":`...)
	if more {
		page = strconv.AppendQuote(page, events.FormatCursor(last))
	} else {
		page = append(page, "null"...)
	}
	page = append(page, "}\n"...)
	ctx.Response.Header.SetContentType(typeJSON)
	ctx.Response.SetBodyRaw(page)
}

func (s *Server) notRead(ctx *fasthttp.RequestCtx, err error) {
	if !errors.Is(err, context.Canceled) { // by a client that has left, or by us
		s.unreadable.failed(s.Log, err.Error())
	}
	answer(ctx, fasthttp.StatusServiceUnavailable, "the store cannot be read: "+oneLine(err.Error())+"; try again")
}

// query asks the store for events, see ask.
func (s *Server) query(client *conn, q *alert.Query, yield func(*alert.Stored) error) error {
	return s.ask(client, func(ctx context.Context) error { return s.Reader.Events(ctx, q, yield) })
}

// ask asks the store on behalf of a client, and no longer than the client stays.
// It never hands the request on: a RequestCtx is the next request's by the time a
// late goroutine looks at it.
func (s *Server) ask(client *conn, question func(context.Context) error) error {
	ctx, cancel := context.WithCancel(s.reading)
	defer cancel()
	stopped := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		client.waitUntilGone(stopped, cancel)
	}()
	// It must have let go of the connection before the next request reads it.
	defer func() { close(stopped); <-watched }()
	err := question(ctx)
	if err == nil || errors.Is(err, errPageFull) {
		s.unreadable.succeeded(s.Log)
	}
	return err
}
