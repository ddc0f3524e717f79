package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"stormdrain/benchmarks/bodies"
	"stormdrain/benchmarks/instance"
	"stormdrain/benchmarks/scrape"
)

const (
	lookEvery   = 200 * time.Millisecond
	sendTimeout = 30 * time.Second
	// stallLimit is how long nothing may be stored while something should be.
	stallLimit = 2 * time.Minute
)

// sender posts bodies, each a function of its number, as fast as they are
// answered and the store keeps up.
type sender struct {
	to          *instance.Instance
	perBody     int
	connections int
	behind      int64                        // alerts that may wait in the journal; 0: any number
	body        func(b []byte, n int) []byte // appends body n; called by all connections

	next  int          // body
	acked atomic.Int64 // alerts, over all runs
}

// run sends up to body upTo. look is called five times a second with what the
// server says; when it returns true the rest is not sent.
func (s *sender) run(ctx context.Context, upTo int, look func(scrape.Metrics) (enough bool, err error)) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tickets := make(chan int, 8*s.connections)
	var done sync.WaitGroup
	for range s.connections {
		done.Go(func() {
			if err := s.post(ctx, tickets); err != nil {
				cancel(err)
			}
		})
	}
	defer func() {
		close(tickets)
		done.Wait()
		err = errors.Join(err, context.Cause(ctx))
	}()
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	open := tickets // nil while the store is to catch up
	for s.next < upTo {
		select {
		case open <- s.next:
			s.next++
		case <-ctx.Done():
			return nil // the cause is told above
		case <-every.C:
			m, err := s.to.Scrape(ctx)
			if err != nil {
				return err
			}
			if enough, err := look(m); err != nil || enough {
				return err
			}
			open = s.gate(open, tickets, m)
		}
	}
	return nil
}

// gate closes at the bound and opens at half of it.
func (s *sender) gate(now, tickets chan int, m scrape.Metrics) chan int {
	deliveries, _ := m.Backlog()
	switch waiting := deliveries * int64(s.perBody); {
	case s.behind > 0 && waiting > s.behind:
		return nil
	case waiting < s.behind/2 || s.behind == 0:
		return tickets
	}
	return now
}

func (s *sender) post(ctx context.Context, tickets <-chan int) error {
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: sendTimeout}
	var body []byte
	for n := range tickets {
		body = s.body(body[:0], n)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.to.Address+"/webhook/growth", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(req)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("body %d was answered with %s %s", n, answer.Status, text)
		}
		s.acked.Add(int64(s.perBody))
		if err != nil {
			return err
		}
	}
	return nil
}

// rest waits until everything is stored.
func (s *sender) rest(ctx context.Context, look func(scrape.Metrics) (bool, error)) error {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	var stored int64
	progress := time.Now()
	for {
		m, err := s.to.Scrape(ctx)
		if err != nil {
			return err
		}
		if _, err := look(m); err != nil {
			return err
		}
		if m.Settled() {
			return nil
		}
		if now := m.Stored(); now != stored {
			stored, progress = now, time.Now()
		} else if time.Since(progress) > stallLimit {
			return fmt.Errorf("%d alerts are acknowledged and not stored, and nothing was stored for %v", m.Owed(), stallLimit)
		}
		select {
		case <-every.C:
		case <-s.to.Exited():
			return fmt.Errorf("stormdrain exited\n%s", s.to.Tail())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func nothing(scrape.Metrics) (bool, error) { return false, nil }

// knownBody has known sets in turn, and now and then one that never came. No
// two bodies are the same: that would flatter the cache of whole bodies.
func (o *options) knownBody(begin time.Time) func([]byte, int) []byte {
	return func(b []byte, n int) []byte {
		alerts := make([]bodies.Alert, o.perBody)
		first := int64(n) * int64(o.perBody)
		for i := range alerts {
			set := int((first + int64(i)) % int64(o.known))
			// A repeat has the startsAt of its firing.
			alerts[i] = bodies.Alert{Set: set, Starts: begin.Add(time.Duration(set) * time.Millisecond)}
		}
		alerts[0].Starts = begin.Add(time.Duration(n) * time.Microsecond)
		// A body with an alert whose number is a multiple of newEvery has a rare
		// one, in the place of one known set after another.
		if rare := (first + o.newEvery - 1) / o.newEvery; rare*o.newEvery < first+int64(o.perBody) {
			alerts[rare%int64(o.perBody)].Set = o.rareSet(rare)
		}
		return bodies.Append(b, n%20, alerts)
	}
}

// rareSet is the n-th set that comes once.
func (o *options) rareSet(n int64) int { return o.known + int(n) }

// newBody has sets and annotations that never came, all of them.
func (o *options) newBody(begin time.Time) func([]byte, int) []byte {
	return func(b []byte, n int) []byte {
		alerts := make([]bodies.Alert, o.perBody)
		for i := range alerts {
			alerts[i] = bodies.Alert{Set: n*o.perBody + i, Starts: begin}
		}
		return bodies.Append(b, n%20, alerts)
	}
}
