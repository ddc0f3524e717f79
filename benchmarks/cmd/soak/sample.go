package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"stormdrain/benchmarks/instance"
	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/scrape"
	"stormdrain/benchmarks/trend"
)

// sample is what the server held at one moment.
type sample struct {
	at       time.Duration // since the load began
	metrics  scrape.Metrics
	heap     scrape.Heap
	resident int64
	files    int // descriptors
	segments int // of the journal
}

const sampleEvery = time.Second

// segmentBytes is small, so that many segments begin and end during a soak.
const segmentBytes = 1 << 20

// measure is one series and how far it may drift.
type measure struct {
	Name      string
	Unit      string // "MiB", or "" for a count
	Tolerance trend.Tolerance
	of        func(*sample) float64
}

const mib = 1 << 20

// measures: the tolerance is what a window of one minute needs to be quiet on a
// busy machine. In a longer one the same tolerance finds slower leaks.
func measures() []measure {
	count := func(name string, absolute, relative float64, of func(*sample) float64) measure {
		return measure{name, "", trend.Tolerance{Absolute: absolute, Relative: relative}, of}
	}
	bytes := func(name string, absolute, relative float64, of func(*sample) float64) measure {
		return measure{name, "MiB", trend.Tolerance{Absolute: absolute, Relative: relative}, func(s *sample) float64 { return of(s) / mib }}
	}
	metric := func(name string) func(*sample) float64 {
		return func(s *sample) float64 { return float64(s.metrics.Sum(name)) }
	}
	return []measure{
		count("goroutines", 4, .05, metric("go_goroutines")),
		count("descriptors", 4, .05, func(s *sample) float64 { return float64(s.files) }),
		bytes("live heap", 2, .04, func(s *sample) float64 { return float64(s.heap.Live) }),
		bytes("heap in use", 3, .05, func(s *sample) float64 { return float64(s.heap.InUse) }),
		bytes("resident memory", 8, .05, func(s *sample) float64 { return float64(s.resident) }),
		count("journal segments", 1, .1, func(s *sample) float64 { return float64(s.segments) }),
		bytes("journal", 2, .1, metric("journal_bytes")),
		count("backlog deliveries", 100, .1, metric("journal_backlog_deliveries")),
		bytes("backlog", .5, .1, metric("journal_backlog_bytes")),
		count("intern entries", 100, .02, metric("intern_entries")),
		bytes("intern table", .25, .02, metric("intern_bytes")),
	}
}

// look takes one sample. The heap is collected first, so that what is left is
// what somebody holds.
func look(ctx context.Context, i *instance.Instance, journal string) (*sample, error) {
	s := &sample{}
	var err error
	if err = i.Collect(ctx); err != nil {
		return nil, err
	}
	if s.metrics, err = i.Scrape(ctx); err != nil {
		return nil, err
	}
	if s.heap, err = s.metrics.Heap(); err != nil {
		return nil, err
	}
	memory, err := process.ReadMemory(i.PID())
	if err != nil {
		return nil, err
	}
	s.resident = memory.Resident
	if s.files, err = process.Descriptors(i.PID()); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(journal)
	for _, e := range entries {
		if e.Type().IsRegular() {
			s.segments++
		}
	}
	return s, err
}

// watch samples until ctx ends. A server that cannot be asked any more ends it
// with an error.
func watch(ctx context.Context, i *instance.Instance, journal string) (all []*sample, err error) {
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	for begin := time.Now(); ; {
		select {
		case <-ctx.Done():
			return all, nil
		case <-i.Exited():
			return all, fmt.Errorf("stormdrain exited\n%s", i.Tail())
		case <-every.C:
		}
		s, err := look(context.WithoutCancel(ctx), i, journal)
		if err != nil {
			return all, fmt.Errorf("sample: %w", err)
		}
		if ctx.Err() != nil {
			return all, nil // taken while the load went away
		}
		s.at = time.Since(begin)
		all = append(all, s)
	}
}

// await samples until check returns "", which otherwise says why not yet.
func await(ctx context.Context, i *instance.Instance, journal string, limit time.Duration, check func(*sample) (notYet string)) (last *sample, why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	every := time.NewTicker(sampleEvery / 5)
	defer every.Stop()
	for {
		if last, err = look(context.WithoutCancel(ctx), i, journal); err != nil {
			return nil, "", err
		}
		if why = check(last); why == "" {
			return last, "", nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return last, fmt.Sprintf("%s after %v", why, limit), nil
		}
	}
}
