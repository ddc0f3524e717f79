package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/timeline"
)

// Timeline gives out what event recorders sent.
type Timeline interface {
	// Recorded is to recorded events what Reader.Events is to events.
	Recorded(ctx context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error
}

// readTimeline is GET and HEAD /api/v1/timeline.
func (s *Server) readTimeline(ctx *fasthttp.RequestCtx) {
	q, err := timelineQuery(ctx, time.Now())
	if err != nil {
		s.refuse(ctx, fasthttp.StatusBadRequest, oneLine(err.Error()))
		return
	}
	limit := q.Limit
	q.Limit++ // one more tells whether there is a next page
	var last alert.RecordedCursor
	more, n := false, 0
	page := []byte(`{"timeline":[`)
	err = s.ask(ctx.Conn().(*conn), func(reading context.Context) error {
		return s.Timeline.Recorded(reading, q, func(r *alert.StoredRecorded) error {
			if n == limit || len(page) >= largestPage {
				more = true
				return errPageFull
			}
			if n > 0 {
				page = append(page, ',')
			}
			page = timeline.AppendJSON(page, r)
			last = r.Cursor()
			n++
			return nil
		})
	})
	if err != nil && !errors.Is(err, errPageFull) {
		s.notRead(ctx, err)
		return
	}
	page = append(page, `],"next":`...)
	if more {
		page = strconv.AppendQuote(page, timeline.FormatCursor(last))
	} else {
		page = append(page, "null"...)
	}
	ctx.Response.Header.SetContentType(typeJSON)
	ctx.Response.SetBodyRaw(append(page, "}\n"...))
}

func timelineQuery(ctx *fasthttp.RequestCtx, now time.Time) (*alert.RecordedQuery, error) {
	var p timeline.Params
	for name, value := range ctx.QueryArgs().All() {
		if err := p.Set(string(name), string(value), now); err != nil {
			return nil, err
		}
	}
	return p.Query()
}
