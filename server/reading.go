package server

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/server/events"
)

// readEvents is GET and HEAD /api/v1/events.
func (s *Server) readEvents(ctx *fasthttp.RequestCtx) {
	var p events.Params
	now := time.Now()
	if !s.params(ctx, func(name, value string) error { return p.Set(name, value, now) }) {
		return
	}
	q, format, err := p.Query()
	if err != nil {
		s.wrongParam(ctx, err)
		return
	}
	s.list(ctx, &eventListing{reader: s.Reader, query: q}, format, q.Limit)
}

// params gives every parameter of a request to set. false: one was wrong, and the
// request is answered.
func (s *Server) params(ctx *fasthttp.RequestCtx, set func(name, value string) error) bool {
	for name, value := range ctx.QueryArgs().All() {
		if err := set(string(name), string(value)); err != nil {
			s.wrongParam(ctx, err)
			return false
		}
	}
	return true
}

func (s *Server) wrongParam(ctx *fasthttp.RequestCtx, err error) {
	s.refuse(ctx, fasthttp.StatusBadRequest, oneLine(err.Error()))
}

func (s *Server) notRead(ctx *fasthttp.RequestCtx, err error) {
	if !errors.Is(err, context.Canceled) { // by a client that has left, or by us
		s.unreadable.failed(s.Log, err.Error())
	}
	answer(ctx, fasthttp.StatusServiceUnavailable, "the store cannot be read: "+oneLine(err.Error())+"; try again")
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
