package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/alert"
	"stormdrain/internal/config"
	"stormdrain/internal/obs"
	"stormdrain/internal/quarantine"
	"stormdrain/pipeline"
	"stormdrain/storage"
	"stormdrain/storage/journal"
)

// parts is a journal, a pipeline and an embedded store put together as run does
// it, with the store behind a screen that can make trouble.
type parts struct {
	t       *testing.T
	cfg     config.Config
	store   *troubledStore
	journal *journal.Journal
	pipe    *pipeline.Pipeline
	counts  *counts
}

func openParts(t *testing.T, dir string, change func(*config.Config, *troubledStore)) *parts {
	t.Helper()
	cfg, _, code := config.Parse([]string{"--data.dir=" + dir, "--storage.flush-interval=5ms", "--journal.segment-bytes=256KiB"}, nil, os.Stdout, os.Stderr)
	if code != config.ExitOK {
		t.Fatal("the configuration is refused")
	}
	p := &parts{t: t, cfg: cfg, counts: new(counts)}
	store, _, err := openStore(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.store = &troubledStore{Store: store}
	if change != nil {
		change(&p.cfg, p.store)
	}
	metrics := obs.NewMetrics(obs.Build{})
	if p.journal, err = openJournal(&p.cfg, metrics, zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	kept, err := quarantine.Open(filepath.Join(dir, "quarantine"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if p.pipe, err = pipeline.Open(pipelineConfig(&p.cfg), newJournalFor(p.journal), p.store, kept, p.counts, zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	return p
}

// close hands on what can be handed on, as at a SIGTERM.
func (p *parts) close() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := p.pipe.Close(ctx)
	if p.store.down.Load() == (err == nil) {
		p.t.Errorf("close pipeline: %v, store down: %v", err, p.store.down.Load())
	}
	if err := errors.Join(p.journal.Close(ctx), p.store.Close()); err != nil {
		p.t.Fatal(err)
	}
}

var testSource = []byte("test")

func (p *parts) ingest(requestID, body string) error {
	_, err := p.pipe.Ingest(alert.Request{Kind: alert.Webhook, Source: testSource, RequestID: []byte(requestID), Body: []byte(body)})
	return err
}

// send posts deliveries from to to-1 and wants each acknowledged.
func (p *parts) send(from, to int) {
	p.t.Helper()
	for i := from; i < to; i++ {
		body := fmt.Sprintf(`{"receiver":"r","alerts":[{"status":"firing","labels":{"n":"%d"}},{"status":"firing","labels":{"n":"same"},"annotations":{"i":"%d"}}]}`, i, i)
		if err := p.ingest(fmt.Sprint(i), body); err != nil {
			p.t.Fatalf("delivery %d: %v", i, err)
		}
	}
}

// wantStored reads everything back and wants each event of send(0, n) once.
func (p *parts) wantStored(n int) {
	p.t.Helper()
	seen := make(map[string]int)
	for _, ev := range p.events() {
		seen[fmt.Sprintf("%s/%d", ev.RequestID, ev.Index)]++
	}
	for i := range n {
		for index := range 2 {
			if key := fmt.Sprintf("%d/%d", i, index); seen[key] != 1 {
				p.t.Errorf("event %s is stored %d times", key, seen[key])
			}
		}
	}
	if len(seen) != 2*n {
		p.t.Errorf("%d events, want %d", len(seen), 2*n)
	}
}

func (p *parts) events() (all []*alert.Stored) {
	p.t.Helper()
	store, _, err := openStore(&p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Close()
	q := &alert.Query{From: math.MinInt64, To: math.MaxInt64}
	err = store.Events(context.Background(), q, func(ev *alert.Stored) error { all = append(all, ev); return nil })
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// troubledStore is a real store that can be made to fail.
type troubledStore struct {
	storage.Store
	down    atomic.Bool
	before  func() error                    // instead of Write
	after   func() error                    // after Write was committed
	refuses func(*alert.Batch, error) error // what Write and Try say

	unfolded   atomic.Bool  // every Fold fails
	beforeFold func() error // instead of Fold
	full       atomic.Bool  // as much as may be is put aside
}

var errDown = errors.New("connection refused")

func (s *troubledStore) Position(ctx context.Context, id alert.ID) (uint64, error) {
	if s.down.Load() {
		return 0, errDown
	}
	return s.Store.Position(ctx, id)
}

func (s *troubledStore) Write(ctx context.Context, b *alert.Batch) error {
	if s.down.Load() {
		return errDown
	}
	if s.before != nil {
		if err := s.before(); err != nil {
			return err
		}
	}
	if s.refuses != nil {
		if err := s.refuses(b, nil); err != nil {
			return err
		}
	}
	if err := s.Store.Write(ctx, b); err != nil {
		return err
	}
	if s.after != nil {
		return s.after()
	}
	return nil
}

func (s *troubledStore) Try(ctx context.Context, b *alert.Batch) error {
	if s.refuses != nil {
		if err := s.refuses(b, nil); err != nil {
			return err
		}
	}
	return s.Store.Try(ctx, b)
}

func (s *troubledStore) folder() storage.Folder { return s.Store.(storage.Folder) }

func (s *troubledStore) Fold(ctx context.Context) (bool, error) {
	if s.unfolded.Load() {
		return false, errDown
	}
	if s.beforeFold != nil {
		if err := s.beforeFold(); err != nil {
			return false, err
		}
	}
	return s.folder().Fold(ctx)
}

func (s *troubledStore) Pending() float64 {
	if s.full.Load() {
		return 1
	}
	return s.folder().Pending()
}

func (s *troubledStore) Folded() uint64        { return s.folder().Folded() }
func (s *troubledStore) BegunResolved() uint64 { return s.folder().BegunResolved() }

// refusedError is what a store says of data that it cannot hold.
type refusedError struct{}

func (refusedError) Error() string   { return "no such character" }
func (refusedError) Permanent() bool { return true }

// counts is a pipeline.Observer that adds up.
type counts struct {
	mu                                      sync.Mutex
	received, stored, replayed, quarantined int
	flushes, folded                         int
	changed                                 chan struct{} // closed at the next fold, if somebody waits
	recorded, recordedQuarantined           int
}

func (c *counts) add(n *int, by int) { c.mu.Lock(); *n += by; c.mu.Unlock() }

func (c *counts) flushed() int     { c.mu.Lock(); defer c.mu.Unlock(); return c.flushes }
func (c *counts) storedSoFar() int { c.mu.Lock(); defer c.mu.Unlock(); return c.stored }

func (c *counts) AlertsTruncated(uint64)            {}
func (c *counts) AlertsReceived(n int)              { c.add(&c.received, n) }
func (c *counts) AlertsQuarantined(_ string, n int) { c.add(&c.quarantined, n) }
func (c *counts) BodyQuarantined(string)            {}
func (c *counts) RecorderEvents(n int)              { c.add(&c.recorded, n) }
func (c *counts) RecorderEventsQuarantined(_ string, n int) {
	c.add(&c.recordedQuarantined, n)
}
func (c *counts) Flushed(time.Duration, int) { c.add(&c.flushes, 1) }
func (c *counts) Folded(_ time.Duration, events uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folded += int(events)
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

func (c *counts) foldedSoFar() int { c.mu.Lock(); defer c.mu.Unlock(); return c.folded }

// waitFolded waits until so many events are folded.
func (c *counts) waitFolded(t *testing.T, events int) {
	t.Helper()
	for {
		c.mu.Lock()
		if c.folded >= events {
			c.mu.Unlock()
			return
		}
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("%d events are folded, want %d", c.foldedSoFar(), events)
		}
	}
}

func (c *counts) StoreUp(bool) {}
func (c *counts) AlertsStored(stored, replayed int) {
	c.add(&c.stored, stored)
	c.add(&c.replayed, replayed)
}

// wantBalance checks what the contract says of the counters at rest.
func (c *counts) wantBalance(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.received+c.replayed-c.stored-c.quarantined != 0 {
		t.Errorf("received %d + replayed %d - stored %d - quarantined %d is not 0", c.received, c.replayed, c.stored, c.quarantined)
	}
}

// every returns a function that fails each n-th time.
func every(n int) func() error {
	var calls atomic.Int64
	return func() error {
		if calls.Add(1)%int64(n) == 0 {
			return errors.New("connection reset by peer")
		}
		return nil
	}
}

func TestStoringIsExactlyOnceWhateverTheStoreDoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openParts(t, dir, func(_ *config.Config, s *troubledStore) {
		s.before = every(3) // not stored, and it says so
		s.after = every(2)  // stored, and it says the opposite
	})
	p.send(0, 60)
	p.close()
	p.wantStored(60)
	p.counts.wantBalance(t)
}

func TestCloseStoresOnWhileTheStoreTakesABatchNowAndThen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held := make(chan struct{}) // until there is a backlog, which makes a batch of every 16 deliveries
	fails := every(2)
	p := openParts(t, dir, func(cfg *config.Config, s *troubledStore) {
		cfg.Storage.BatchRows = 1
		s.before = func() error { <-held; return fails() }
	})
	p.send(0, 160)
	close(held)
	p.close()
	p.wantStored(160)
	p.counts.wantBalance(t)
}

func TestStoreDownAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openParts(t, dir, func(_ *config.Config, s *troubledStore) { s.down.Store(true) })
	p.send(0, 20)
	if err := p.pipe.Ready(); err != nil {
		t.Errorf("not ready: %v; the store being down must not matter", err)
	}
	p.close() // the store is still down: all of it stays in the journal
	if n := len(p.events()); n != 0 {
		t.Fatalf("%d events in a store that was down", n)
	}

	p = openParts(t, dir, nil)
	p.send(20, 30)
	p.close()
	p.wantStored(30)
	p.counts.wantBalance(t)
	if p.counts.replayed != 40 {
		t.Errorf("%d alerts replayed, want 40", p.counts.replayed)
	}
}

func TestRefusedRowStandsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openParts(t, dir, func(cfg *config.Config, s *troubledStore) {
		cfg.Storage.FlushInterval = 200 * time.Millisecond // so that all meet in one batch
		s.refuses = func(b *alert.Batch, _ error) error {
			for _, ev := range b.Events {
				content, err := b.Entries[ev.Labels].Content()
				if err != nil {
					return err
				}
				if set, _ := alert.DecodeLabelSet(content); alert.Value(set.Labels, "evil") != "" {
					return refusedError{}
				}
			}
			return nil
		}
	})
	p.send(0, 5)
	evil := `{"alerts":[{"labels":{"n":"1"}},{"labels":{"evil":"1","name":"Mallory"}},7,{"labels":{"n":"2"}}]}`
	if err := p.ingest("evil", evil); err != nil {
		t.Fatal(err)
	}
	if err := p.ingest("alone", `{"alerts":[{"labels":{"evil":"2"}}]}`); err != nil {
		t.Fatal(err)
	}
	p.send(5, 10)
	p.close()

	var neighbours int
	for _, ev := range p.events() {
		if alert.Value(ev.Labels.Labels, "evil") != "" || ev.RequestID == "alone" {
			t.Errorf("stored what was refused: %+v", ev.Labels)
		}
		if ev.RequestID == "evil" {
			neighbours++
		}
	}
	if neighbours != 2 {
		t.Errorf("%d neighbours of the refused alert are stored, want 2", neighbours)
	}
	if p.counts.stored != 22 || p.counts.quarantined != 3 {
		t.Errorf("stored %d, quarantined %d; want 22 and 3", p.counts.stored, p.counts.quarantined)
	}
	p.counts.wantBalance(t)
	if kept := readAll(t, filepath.Join(dir, "quarantine")); !strings.Contains(kept, "Mallory") || !strings.Contains(kept, "no such character") {
		t.Errorf("the quarantine says nothing of it: %s", kept)
	}
}

func readAll(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// A disk that was restored from a copy knows less than the store. What comes
// then bears positions that the store has seen, and must be stored all the same.
func TestRestoredJournalTakesANewIdentity(t *testing.T) {
	t.Parallel()
	dir, backup := t.TempDir(), t.TempDir()
	p := openParts(t, dir, nil)
	p.send(0, 5)
	p.close()
	copyDir(t, filepath.Join(dir, "journal"), backup)
	p = openParts(t, dir, nil)
	p.send(5, 12)
	p.close()

	if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
		t.Fatal(err)
	}
	copyDir(t, backup, filepath.Join(dir, "journal"))
	// The store is down at first, so that new positions are given out before
	// anybody can know that they were given before.
	p = openParts(t, dir, func(_ *config.Config, s *troubledStore) { s.down.Store(true) })
	p.send(12, 30)
	p.store.down.Store(false)
	for p.counts.total() < 36 {
		runtime.Gosched()
	}
	p.send(30, 33)
	p.close()
	p.wantStored(33)
}

func (c *counts) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stored
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestAckCommit(t *testing.T) {
	t.Parallel()
	p := openParts(t, t.TempDir(), func(cfg *config.Config, s *troubledStore) {
		cfg.Journal.Ack = "commit"
		cfg.Storage.FlushInterval = time.Hour // nobody who waits for a commit waits for it
		s.down.Store(true)
	})
	if err := p.pipe.Ready(); err == nil {
		t.Error("ready, although the store that a 2xx depends on is down")
	}
	if err := p.ingest("x", `{"alerts":[{}]}`); err == nil {
		t.Error("acknowledged without a store")
	}
	p.store.down.Store(false)
	for p.pipe.Ready() != nil {
		runtime.Gosched()
	}
	p.send(0, 3)
	if n := len(p.events()); n != 6 {
		t.Errorf("%d events right after the acknowledgement, want 6", n)
	}
	p.close()
}

func TestAckMemory(t *testing.T) {
	t.Parallel()
	p := openParts(t, t.TempDir(), func(cfg *config.Config, _ *troubledStore) { cfg.Journal.Ack = "memory" })
	p.send(0, 10)
	p.close()
	p.wantStored(10)
}

// Segments are left behind, entries are written anew into each, and the table
// of known sets forgets: none of it may show in what is stored.
func TestManySegmentsAndASmallTable(t *testing.T) {
	t.Parallel()
	p := openParts(t, t.TempDir(), func(cfg *config.Config, _ *troubledStore) {
		cfg.Journal.SegmentBytes = 8 << 10
		cfg.Pipeline.InternMaxBytes = 32 << 10
	})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w * 50; i < (w+1)*50; i++ {
				p.send(i, i+1)
			}
		})
	}
	wg.Wait()
	p.close()
	p.wantStored(200)
	p.counts.wantBalance(t)
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	p := openParts(t, t.TempDir(), nil)
	p.send(0, 3)
	p.close()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// What gave way so that two keys agree is accepted by the server as well, which
// has limits of its own.
func TestServerTakesWhatGaveWay(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{
		"--journal.max-bytes=16MiB",
		"--journal.segment-bytes=16GiB",
		"--database.max-connections=1",
		"--pipeline.in-flight-max-bytes=16MiB",
		"--webhook.max-request-size=128MiB",
	} {
		cfg, _, code := config.Parse([]string{arg}, nil, os.Stdout, os.Stderr)
		if code != config.ExitOK || len(cfg.Warnings) != 1 {
			t.Errorf("%s: code %d, adjusted %q", arg, code, cfg.Warnings)
		}
		sc := serverConfig(&cfg, false)
		if err := sc.Validate(); err != nil {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

// Without the rates the profiles of waits and locks would be served, and empty.
func TestPprofBringsItsRates(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		var cfg config.Config
		cfg.Debug.Pprof = on
		if tuned, served := tuningConfig(&cfg).Profiles, serverConfig(&cfg, false).Pprof; tuned != on || served != on {
			t.Errorf("debug.pprof is %v: recorded %v, served %v", on, tuned, served)
		}
	}
}

// The URL of the store is read as its driver reads it: what serve would refuse,
// check-config refuses, with the password left out.
func TestCheckConfigReadsTheURL(t *testing.T) {
	t.Parallel()
	f := func(url string) (code int, said string) {
		var out, complaints bytes.Buffer
		_, _, code = config.Parse([]string{"check-config", "--storage.url=" + url}, nil, &out, &complaints, checkStore)
		return code, complaints.String()
	}
	for _, url := range []string{"postgres://u:hush@db:1x/alerts", "postgres://u:hush@db/alerts?sslmode=some", "postgresql://u:hush@db/alerts?sslrootcert=/nowhere"} {
		code, said := f(url)
		if code != 1 || !strings.HasPrefix(said, "stormdrain: storage.url: ") || strings.Contains(said, "hush") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %d %q", url, code, said)
		}
	}
	if code, said := f("postgres://u:hush@db/alerts?sslmode=require"); code != 0 {
		t.Errorf("%d %q", code, said)
	}
}
