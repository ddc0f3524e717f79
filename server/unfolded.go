package server

import (
	"context"
	"errors"
	"math"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
)

// unfoldedLine is for who asks for what is made of events by folding.
const unfoldedLine = "storage.episodes is false, so events are not folded and there are no episodes, statistics or gaps: " +
	"set it to true and start stormdrain again, which folds what is stored, or run stormdrain rebuild-episodes; /api/v1/events has what was received"

// unfolded knows whether there is anything to answer from where folding is switched
// off: episodes from before stay and are told.
type unfolded struct {
	episodes EpisodeReader
	some     atomic.Bool // there are, for good: retention leaves none only where none is wanted
}

// none reports whether there is not one episode.
func (u *unfolded) none(ctx context.Context) (bool, error) {
	if u.some.Load() {
		return false, nil
	}
	err := u.episodes.Episodes(ctx, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, Limit: 1, Bare: true}, func(*alert.Episode) error {
		u.some.Store(true)
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return !u.some.Load(), err
}

// folded lets h answer out of episodes, or says with refuse that there are none
// because folding is switched off. It is not in the way where it is on.
func (s *Server) folded(h fasthttp.RequestHandler, refuse func(ctx *fasthttp.RequestCtx, code int, line string), notRead func(*fasthttp.RequestCtx, error)) fasthttp.RequestHandler {
	if !s.cfg.EpisodesOff {
		return h
	}
	u := &unfolded{episodes: s.Episodes}
	return func(ctx *fasthttp.RequestCtx) {
		none := false
		err := s.ask(ctx.Conn().(*conn), func(reading context.Context) (err error) {
			none, err = u.none(reading)
			return err
		})
		switch {
		case err != nil:
			notRead(ctx, err)
		case none:
			refuse(ctx, fasthttp.StatusNotFound, unfoldedLine)
		default:
			h(ctx)
		}
	}
}
