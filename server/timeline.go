package server

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
	"stormdrain/server/timeline"
)

// Timeline gives out what event recorders sent.
type Timeline interface {
	// Recorded is to recorded events what Reader.Events is to events.
	Recorded(ctx context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error
}

// readTimeline is GET and HEAD /api/v1/timeline.
func (s *Server) readTimeline(ctx *fasthttp.RequestCtx) {
	var p timeline.Params
	now := time.Now()
	if !s.params(ctx, func(name, value string) error { return p.Set(name, value, now) }) {
		return
	}
	q, err := p.Query()
	if err != nil {
		s.wrongParam(ctx, err)
		return
	}
	s.readPage(ctx, &timelineListing{reader: s.Timeline, query: q}, q.Limit)
}

// timelineListing is what a query for recorded events finds. It comes in pages only.
type timelineListing struct {
	reader  Timeline
	query   *alert.RecordedQuery
	current *alert.StoredRecorded
	last    alert.RecordedCursor
}

func (l *timelineListing) read(ctx context.Context, limit int, yield func() error) error {
	q := *l.query
	q.Limit = limit
	return l.reader.Recorded(ctx, &q, func(r *alert.StoredRecorded) error {
		l.current = r
		return yield()
	})
}

func (l *timelineListing) appendTo(dst []byte, _ events.Format) []byte {
	l.last = l.current.Cursor()
	return timeline.AppendJSON(dst, l.current)
}

func (l *timelineListing) cursor() string { return timeline.FormatCursor(l.last) }

func (l *timelineListing) words() listingWords { return listingWords{key: "timeline"} }
