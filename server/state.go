package server

import (
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/server/events"
)

// State is how the rest of the program is.
type State struct {
	Version   string
	StartedAt time.Time

	Store   string // its kind
	StoreUp bool   // it answered the last time it was asked

	BacklogBytes      int64 // in the journal and not in the store yet
	BacklogDeliveries int64
	Oldest            time.Duration // age of the oldest of them; 0 without one
}

// Stater knows the State.
type Stater interface{ State() State }

// readStatus is GET and HEAD /api/v1/status. It asks nobody who might not answer.
func (s *Server) readStatus(ctx *fasthttp.RequestCtx) {
	if !s.params(ctx, noParams) {
		return
	}
	state := s.State.State()
	ready := !s.closing.Load() && s.Readiness.Ready() == nil
	perSecond, p99, answered := s.rates()
	b := events.AppendString([]byte(`{"version":`), state.Version)
	b = append(b, `,"startedAt":"`...)
	b = events.AppendMicros(b, state.StartedAt.UnixMicro())
	b = append(b, `","store":{"kind":`...)
	b = events.AppendString(b, state.Store)
	b = append(b, `,"up":`...)
	b = strconv.AppendBool(b, state.StoreUp)
	b = append(b, `},"ready":`...)
	b = strconv.AppendBool(b, ready)
	b = append(b, `,"receivedPerSecond":`...)
	b = appendRounded(b, perSecond, 1)
	b = append(b, `,"p99Seconds":`...)
	if answered {
		b = appendRounded(b, p99, 6)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"journal":{"backlogBytes":`...)
	b = strconv.AppendInt(b, state.BacklogBytes, 10)
	b = append(b, `,"backlogDeliveries":`...)
	b = strconv.AppendInt(b, state.BacklogDeliveries, 10)
	b = append(b, `,"oldestSeconds":`...)
	b = appendRounded(b, state.Oldest.Seconds(), 3)
	b = append(b, `},"streams":`...)
	b = strconv.AppendInt(b, int64(s.streams.count()), 10)
	answerJSON(ctx, append(b, '}'))
}

// noParams is for pages without parameters.
func noParams(name, value string) error {
	var p events.Params
	p.Only()
	return p.Check(name, value)
}

func appendRounded(dst []byte, v float64, digits int) []byte {
	scale := math.Pow10(digits)
	return strconv.AppendFloat(dst, math.Round(v*scale)/scale, 'f', -1, 64)
}
