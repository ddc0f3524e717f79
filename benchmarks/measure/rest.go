package measure

import (
	"context"
	"fmt"
	"time"

	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/scrape"
)

const (
	restLimit = 3 * time.Minute       // until everything is stored
	restEvery = 50 * time.Millisecond // each look costs the server some thousand allocations
)

// rest waits until everything that was acknowledged is stored, and counts.
func (o *observer) rest(ctx context.Context) (invalid string, err error) {
	first, err := o.metrics.Scrape(ctx)
	if err != nil {
		return "", err
	}
	m, at, err := waitRest(ctx, o.metrics)
	if err != nil {
		return "", err
	}
	s := &o.server
	s.Backlog = first.Received() - first.Stored()
	s.Drain = at.Sub(o.ended)
	s.Mallocs = m.Mallocs() - o.before.Mallocs() - o.scrapeCost*(o.metrics.Times()-o.asked)
	s.GCs = m.GCs() - o.before.GCs()
	s.Requests = m.Webhooks(`code="200"`) - o.before.Webhooks(`code="200"`)
	s.Received = m.Received() - o.before.Received()
	s.Stored = m.Stored() - o.before.Stored()
	var bytes int64
	if s.Rows, bytes, err = o.i.stored(ctx); err != nil {
		return "", err
	}
	s.StoreBytes = bytes - o.storeBytes
	if o.i.db != nil {
		logged, err := o.r.Postgres.logged(ctx)
		if err != nil {
			return "", err
		}
		s.LogBytes = logged - o.logged
	}
	if o.i.Ack != "" {
		journaled, err := o.i.journaled()
		if err != nil {
			return "", err
		}
		s.JournalBytes = journaled - o.journaled
	}
	return doesNotAddUp(s, m, o.i.alerts), nil
}

// doesNotAddUp compares what the server says of itself with what is in its store
// and with the load, of which each request has that many alerts; 0: they differ.
func doesNotAddUp(s *report.Server, m scrape.Metrics, alerts int) string {
	others := m.Webhooks() - m.Webhooks(`code="200"`)
	each := int64(alerts)
	switch {
	case others > 0:
		return fmt.Sprintf("%d webhooks were not answered with 200", others)
	case m.Quarantined() > 0:
		return fmt.Sprintf("%d alerts or bodies are in quarantine", m.Quarantined())
	case each > 0 && s.Received != s.Requests*each, s.Received < s.Requests:
		return fmt.Sprintf("%d alerts received in %d requests of %d", s.Received, s.Requests, each)
	case s.Rows != m.Received():
		return fmt.Sprintf("%d alerts received, %d rows in the store", m.Received(), s.Rows)
	}
	return ""
}

// waitRest asks until two answers in a row are the same and at rest: a request
// whose client has gone may still be at work. It says when the first of them was
// asked for.
func waitRest(ctx context.Context, from *scrape.Scraper) (m scrape.Metrics, at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	every := time.NewTicker(restEvery)
	defer every.Stop()
	var last scrape.Metrics // at rest when it was asked for, or nil
	for {
		asked := time.Now()
		if m, err = from.Scrape(ctx); err != nil {
			return nil, at, err
		}
		switch {
		case !m.AtRest():
			last = nil
		case last != nil && m.Received() == last.Received():
			return m, at, nil
		default:
			last, at = m, asked
		}
		select {
		case <-ctx.Done():
			return nil, at, fmt.Errorf("%d of %d alerts are stored after %v: %w", m.Stored(), m.Received(), restLimit, ctx.Err())
		case <-every.C:
		}
	}
}
