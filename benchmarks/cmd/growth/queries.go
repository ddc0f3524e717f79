package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"stormdrain/benchmarks/bodies"
)

const (
	pageSize   = 100 // the API's default limit
	queryLimit = 5 * time.Minute
	deepPages  = 20 // places in the history that pages are read from
)

// reader asks one server, one question after the other.
type reader struct {
	base   string
	client http.Client
}

// page is an answer of any of the lists: each has one of them.
type page struct {
	Events   []json.RawMessage `json:"events"`
	Episodes []json.RawMessage `json:"episodes"`
	Stats    []json.RawMessage `json:"stats"`
	Series   []json.RawMessage `json:"series"`
	Next     string            `json:"next"`
}

func (p *page) len() int { return len(p.Events) + len(p.Episodes) + len(p.Stats) + len(p.Series) }

// ask returns the answer and how long it took until its last byte was there. The
// query is what comes behind /api/v1/.
func (r *reader) ask(ctx context.Context, query string) (p page, took time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/api/v1/"+query, nil)
	if err != nil {
		return p, 0, err
	}
	begin := time.Now()
	answer, err := r.client.Do(req)
	if err != nil {
		return p, 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	took = time.Since(begin)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s", answer.Status, text)
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, took, fmt.Errorf("GET /api/v1/%s: %w", query, err)
	}
	return p, took, nil
}

// kind is one sort of question. query returns that of the i-th time, and how many
// elements must come at least: a quick answer that lacks some is no answer.
type kind struct {
	name  string
	query func(i int) (query string, least int)
}

// timeQueries asks each kind so many times, one after the other, while nothing
// else is going on.
func (o *options) timeQueries(ctx context.Context, address string, stored int64, begin time.Time) (all []queries, err error) {
	r := &reader{base: "http://" + address, client: http.Client{Timeout: queryLimit, Transport: &http.Transport{}}}
	defer r.client.CloseIdleConnections()
	kinds := o.kinds(stored)
	deep, err := r.deep(ctx, begin, stored)
	if err != nil {
		return nil, err
	}
	for _, k := range append(kinds, deep) {
		q := queries{Events: stored, Kind: k.name}
		for i := range o.queries {
			query, least := k.query(i)
			p, took, err := r.ask(ctx, query)
			if err != nil {
				return nil, err
			}
			if n := p.len(); n < least {
				return nil, fmt.Errorf("GET /api/v1/%s: a list of %d, want %d", query, n, least)
			}
			q.Took = append(q.Took, took)
		}
		all = append(all, q)
	}
	return all, nil
}

// kinds have other values each time, far from each other.
func (o *options) kinds(stored int64) []kind {
	const stride = 7919 // a prime
	known := func(i int) int { return (i*stride + 1) % o.known }
	// How many events a known set has at least: now and then a rare one takes
	// its place, and the last turn is unfinished.
	perSet := int(stored / int64(o.known) * 4 / 5)
	enough := func(events int) int { return min(pageSize, events) }
	rare := int((stored + o.newEvery - 1) / o.newEvery)
	day := func(matcher string) string { return "from=24h&filter=" + url.QueryEscape(matcher) }
	events := []kind{
		{"fingerprint", func(i int) (string, int) {
			return "events?fingerprint=" + bodies.Fingerprint(known(i)), enough(perSet)
		}},
		{"matcher, one set of a day", func(i int) (string, int) {
			return "events?" + day("pod="+strconv.Quote(bodies.Pod(known(i)))), enough(perSet)
		}},
		{"matcher, a twentieth of a day", func(i int) (string, int) {
			return "events?" + day("namespace="+strconv.Quote(bodies.Namespace(known(i)))), enough(perSet * o.known / 20)
		}},
		{"regular expression over a day", func(i int) (string, int) {
			return "events?" + day("pod=~"+strconv.Quote(".*-0*"+strconv.Itoa(known(i)))), enough(perSet)
		}},
		{"fingerprint that came once", func(i int) (string, int) {
			return "events?fingerprint=" + bodies.Fingerprint(o.rareSet(int64(i*stride%rare))), 1
		}},
	}
	return append(events, o.episodeKinds(known)...)
}

// episodeKinds ask for one day, which is all that there is. Each known set fires
// once in it.
func (o *options) episodeKinds(known func(i int) int) []kind {
	matcher := func(name, value string) string { return "&filter=" + url.QueryEscape(name+"="+strconv.Quote(value)) }
	twentieth := max(1, min(pageSize, o.known/20*4/5))
	return []kind{
		{"episodes of a day", func(int) (string, int) { return "episodes?from=24h", min(pageSize, o.known) }},
		{"episodes of a day, a twentieth", func(i int) (string, int) {
			return "episodes?from=24h" + matcher("namespace", bodies.Namespace(known(i))), twentieth
		}},
		{"episodes of one set", func(i int) (string, int) {
			return "episodes?fingerprint=" + bodies.Fingerprint(known(i)), 1
		}},
		{"firing at a moment", func(i int) (string, int) {
			return fmt.Sprintf("episodes?at=%dms", i+1), min(pageSize, o.known)
		}},
		{"open", func(int) (string, int) { return "episodes?open=true", min(pageSize, o.known) }},
		{"statistics of a day", func(int) (string, int) { return "stats?from=24h&by=namespace", 1 }},
		{"statistics of a day, by set", func(int) (string, int) { return "stats?from=24h&by=pod&sort=receipts", min(pageSize, o.known) }},
		{"received in a day", func(int) (string, int) { return "received?from=24h", 1 }},
	}
}

// deep finds places spread over the whole history and reads on from there.
func (r *reader) deep(ctx context.Context, begin time.Time, stored int64) (kind, error) {
	var cursors []string
	history := time.Since(begin)
	for i := range deepPages {
		// By time, so not evenly by events where the load stood still.
		at := begin.Add(history * time.Duration(i+1) / (deepPages + 1))
		p, _, err := r.ask(ctx, "events?limit=1&to="+url.QueryEscape(at.UTC().Format(time.RFC3339Nano)))
		if err != nil {
			return kind{}, err
		}
		if p.Next != "" {
			cursors = append(cursors, p.Next)
		}
	}
	if len(cursors) == 0 {
		return kind{}, fmt.Errorf("no cursor into a history of %d events", stored)
	}
	// The oldest may have less than a page behind it.
	slices.Reverse(cursors)
	cursors = cursors[:max(1, len(cursors)/2)]
	return kind{"page from a deep cursor", func(i int) (string, int) {
		return "events?cursor=" + url.QueryEscape(cursors[i%len(cursors)]), pageSize
	}}, nil
}

// quantile returns the smallest value that at least q of all are not above.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	i := int(q*float64(len(sorted))+.9999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
