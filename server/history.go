package server

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
	"stormdrain/server/history"
)

// EpisodeReader gives episodes out.
type EpisodeReader interface {
	// Episodes calls yield for each episode that q asks for, in its order, and
	// returns yield's error as it is. What yield is given is read-only.
	Episodes(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.Episode) error) error
}

// Overview gives out what is counted of the episodes and beside them.
type Overview interface {
	// EpisodeCounts calls yield for each source and label set that has episodes of
	// those that q asks for, and returns yield's error as it is.
	EpisodeCounts(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.EpisodeCount) error) error
	// Sources returns every source, by name.
	Sources(ctx context.Context) ([]alert.Source, error)
	// Minutes calls yield for each minute that begins in [from, to), ascending.
	Minutes(ctx context.Context, from, to int64, yield func(alert.Minute) error) error
	// Truncated returns the deliveries that left alerts out, newest first.
	Truncated(ctx context.Context, q *alert.TruncatedQuery) ([]alert.Truncated, error)
}

// Completer knows what a person may go on typing.
type Completer interface {
	// Labels returns names of labels, or the values of one, in ascending order.
	Labels(ctx context.Context, q *alert.LabelQuery) ([]string, error)
}

// Episodes is the part of a store that tells what became of what was received.
type Episodes interface {
	EpisodeReader
	Overview
	Completer
}

type page struct {
	path, name string
	handler    fasthttp.RequestHandler
}

// historyPages are the page of how we are and those of episodes. That of a label's
// values has a name in its path, so it is not among them.
func (s *Server) historyPages() []page {
	made := func(h fasthttp.RequestHandler) fasthttp.RequestHandler { // of events, by folding
		return s.folded(s.compressed(h), s.refuse, s.notRead)
	}
	return []page{
		{"/api/v1/status", "status", s.readStatus},
		{"/api/v1/episodes", "episodes", made(s.readEpisodes)},
		{"/api/v1/stats", "stats", made(s.readStats)},
		{"/api/v1/received", "received", made(s.readReceived)},
		{"/api/v1/gaps", "gaps", made(s.readGaps)},
		{"/api/v1/sources", "sources", made(s.readSources)},
		{"/api/v1/labels", "labels", s.compressed(s.readLabels)},
	}
}

// readEpisodes is GET and HEAD /api/v1/episodes.
func (s *Server) readEpisodes(ctx *fasthttp.RequestCtx) {
	p := history.NewParams(time.Now(), history.EpisodeNames()...)
	if !s.params(ctx, p.Set) {
		return
	}
	q, format, err := p.Episodes()
	if err != nil {
		s.wrongParam(ctx, err)
		return
	}
	s.list(ctx, &episodeListing{reader: s.Episodes, query: q}, format, q.Limit)
}

// readReceived is GET and HEAD /api/v1/received.
func (s *Server) readReceived(ctx *fasthttp.RequestCtx) {
	p := history.NewParams(time.Now(), history.ReceivedNames()...)
	if !s.params(ctx, p.Set) {
		return
	}
	q, err := p.Received()
	if err != nil {
		s.wrongParam(ctx, err)
		return
	}
	series := history.NewSeries(q.Step)
	err = s.ask(ctx.Conn().(*conn), func(reading context.Context) error {
		if q.Episodes != nil {
			return s.countBeginnings(reading, q, series)
		}
		return s.Episodes.Minutes(reading, q.From, q.To, func(m alert.Minute) error {
			series.Add(m.Severity, m.At, m.Firing+m.Resolved)
			return nil
		})
	})
	if err != nil {
		s.notRead(ctx, err)
		return
	}
	answerJSON(ctx, q.AppendJSON(nil, series))
}

var errEnough = errors.New("what follows is not asked for")

// countBeginnings counts the episodes that began in the range. They come newest
// first by the microsecond, so none that began in one before it comes after one that
// did not.
func (s *Server) countBeginnings(ctx context.Context, q *history.ReceivedQuery, series *history.Series) error {
	err := s.Episodes.Episodes(ctx, q.Episodes, func(e *alert.Episode) error {
		at := e.StartsAt.Micros
		if at < q.From {
			return errEnough
		}
		if !e.StartsAt.Before(q.Episodes.Begins()) {
			series.Add(alert.Value(e.Labels.Labels, "severity"), at, 1)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// readSources is GET and HEAD /api/v1/sources.
func (s *Server) readSources(ctx *fasthttp.RequestCtx) {
	now := time.Now()
	if !s.params(ctx, noParams) {
		return
	}
	var sources []alert.Source
	err := s.ask(ctx.Conn().(*conn), func(reading context.Context) (err error) {
		sources, err = s.Episodes.Sources(reading)
		return err
	})
	if err != nil {
		s.notRead(ctx, err)
		return
	}
	object := []byte(`{"sources":[`)
	for i := range sources {
		if i > 0 {
			object = append(object, ',')
		}
		object = history.AppendSource(object, &sources[i], now.UnixMicro())
	}
	answerJSON(ctx, append(object, "]}"...))
}

// statsListing are groups that were counted, as an export writes them.
type statsListing struct {
	groups []*history.Group
	place  int
}

func (l *statsListing) read(_ context.Context, limit int, yield func() error) error {
	for n := 0; l.place < len(l.groups) && (limit == 0 || n < limit); n++ {
		if err := yield(); err != nil {
			return err
		}
	}
	return nil
}

func (l *statsListing) appendTo(dst []byte, format events.Format) []byte {
	g := l.groups[l.place]
	l.place++
	if format == events.CSV {
		return g.AppendCSV(dst)
	}
	return g.AppendJSON(dst)
}

func (l *statsListing) cursor() string { return "" }

func (l *statsListing) words() listingWords {
	return listingWords{key: "stats", csvHeader: history.StatsCSVHeader}
}

// readStats is GET and HEAD /api/v1/stats.
func (s *Server) readStats(ctx *fasthttp.RequestCtx) {
	p := history.NewParams(time.Now(), history.StatsNames()...)
	if !s.params(ctx, p.Set) {
		return
	}
	q, format, err := p.Stats()
	if err != nil {
		s.wrongParam(ctx, err)
		return
	}
	stats := history.NewStats(q.By)
	err = s.ask(ctx.Conn().(*conn), func(reading context.Context) error {
		return s.Episodes.EpisodeCounts(reading, q.Episodes, func(c *alert.EpisodeCount) error {
			stats.Add(c)
			return nil
		})
	})
	if err != nil {
		s.notRead(ctx, err)
		return
	}
	groups, total := stats.Ranking(q.Sort)
	if q.Limit > 0 && q.Limit < len(groups) {
		groups = groups[:q.Limit]
	}
	if format != events.JSON {
		s.startExport(ctx, &statsListing{groups: groups}, format, 0)
		return
	}
	answerJSON(ctx, q.AppendJSON(nil, groups, total))
}
