package server

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/history"
)

// readGaps is GET and HEAD /api/v1/gaps.
func (s *Server) readGaps(ctx *fasthttp.RequestCtx) {
	now := time.Now()
	p := history.NewParams(now, history.GapsNames()...)
	if !s.params(ctx, p.Set) {
		return
	}
	q, err := p.Gaps()
	if err != nil {
		s.wrongParam(ctx, err)
		return
	}
	var gaps []history.Gap
	err = s.ask(ctx.Conn().(*conn), func(reading context.Context) (err error) {
		gaps, err = s.findGaps(reading, q, now.UnixMicro())
		return err
	})
	if err != nil {
		s.notRead(ctx, err)
		return
	}
	gaps, more := history.SortGaps(gaps, q.Limit)
	answerJSON(ctx, history.AppendGaps(nil, gaps, more))
}

// findGaps collects one more than the limit of each kind: enough for the newest of
// all, and to know whether there are more.
func (s *Server) findGaps(ctx context.Context, q *history.GapsQuery, now int64) (gaps []history.Gap, err error) {
	sources, err := s.Episodes.Sources(ctx)
	if err != nil {
		return nil, err
	}
	truncating := false
	for i := range sources {
		source := &sources[i]
		truncating = truncating || source.Truncated > 0 && source.FirstAt < q.To && source.LastAt >= q.From
		// The silence lasts from then until now.
		if history.Silent(source, now) && source.LastAt < q.To && now >= q.From {
			gaps = append(gaps, history.GapOfSilent(*source))
		}
	}
	if truncating { // it is seldom so, and then deliveries are looked through
		found, err := s.Episodes.Truncated(ctx, &alert.TruncatedQuery{From: q.From, To: q.To, Limit: q.Limit + 1})
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			gaps = append(gaps, history.GapOfTruncated(t))
		}
	}
	unfired := 0
	err = s.Episodes.Episodes(ctx, q.Episodes, func(e *alert.Episode) error {
		if !e.Unfired {
			return nil
		}
		gaps = append(gaps, history.GapOfUnfired(e))
		if unfired++; unfired > q.Limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return gaps, err
}
