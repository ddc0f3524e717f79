package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"stormdrain/internal/alert"
)

// The storing half. It is the same after a crash and in quiet times: ask the
// store for its position, read the journal from there, store, and do it again
// whenever something went wrong that trying the same again does not mend.

// errReposition ends a session: the store is at a position that this session
// did not expect.
var errReposition = errors.New("the store is at another position than this process left it")

// store is the storing half's goroutine.
func (p *Pipeline) store(ctx context.Context) {
	defer close(p.storingDone)
	for {
		from, err := p.position(ctx, max(p.journal.LastAtOpen(), p.attempted))
		if err == nil {
			err = p.session(ctx, from)
		}
		if ctx.Err() != nil {
			return
		}
		p.log.Error().Err(err).Msg("storing begins again at the store's position")
		if !sleep(ctx, p.backoff(0)) {
			return
		}
	}
}

// position asks the store where to go on, for as long as it takes. No process
// can have left it behind highest, unless the journal's disk forgot something.
func (p *Pipeline) position(ctx context.Context, highest uint64) (stored uint64, err error) {
	for attempt := 0; ; attempt++ {
		id := alert.ID(p.journal.ID())
		call, cancel := context.WithTimeout(ctx, p.cfg.WriteTimeout)
		stored, err = p.storer.Position(call, id)
		cancel()
		if err == nil {
			p.storeIsUp()
			if stored <= highest {
				return stored, nil
			}
			// What is in the journal from before this start has been stored;
			// what came since bears numbers that the store has seen.
			if _, err = p.journal.NewIdentity(); err == nil {
				p.log.Warn().Uint64("store", stored).Uint64("journal", p.journal.LastAtOpen()).
					Msg("the journal ends before the store's position: its disk was restored or damaged; it takes a new identity")
				continue
			}
		}
		p.storeIsDown(err)
		if !sleep(ctx, p.backoff(attempt)) {
			return 0, ctx.Err()
		}
	}
}

// paces is how often in a flush interval the journal is looked at, when it is
// not far ahead.
const paces = 8

// session stores from a position on until something goes wrong or ctx ends.
func (p *Pipeline) session(ctx context.Context, stored uint64) error {
	records, err := p.journal.Reader(stored)
	if err != nil {
		return fmt.Errorf("read journal behind %d: %w", stored, err)
	}
	defer records.Close()
	if err := p.numberJournal(ctx); err != nil {
		return err
	}
	p.stored.advance(stored)
	p.journal.Stored(stored)

	ctx, cancel := context.WithCancel(ctx)
	ring := newRing(p.cfg.RingSize, p.cfg.RingMaxBytes)
	held := &heldContents{batch: 1}
	var wg sync.WaitGroup
	for range p.cfg.Workers {
		wg.Go(func() {
			for c := range ring.work {
				c.parse(p.cfg.parse)
			}
		})
	}
	readErr := make(chan error, 1)
	wg.Go(func() {
		r := &reader{records: records, journal: p.journal, ring: ring, held: held, pace: p.cfg.FlushInterval / paces}
		err := r.run(ctx)
		readErr <- err
	})
	b := &batcher{
		ring: ring, flush: p.flush, batchRows: p.cfg.BatchRows, flushInterval: p.cfg.FlushInterval - p.cfg.FlushInterval/paces,
		folding: p.newFolding(), current: new(batch), number: held.batch, held: held,
	}
	defer b.folding.end()
	b.current.reset(alert.ID(p.journal.ID()), stored)
	err = b.run(ctx)
	cancel()
	wg.Wait()
	if rerr := <-readErr; err == nil || rerr != nil && !errors.Is(rerr, context.Canceled) {
		err = rerr
	}
	return err
}

// numberJournal asks once a session: with a new identity comes a new session.
func (p *Pipeline) numberJournal(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.WriteTimeout)
	defer cancel()
	p.journalNumber, err = p.storer.JournalNumber(ctx, alert.ID(p.journal.ID()))
	return err
}

// flush stores one batch, for as long as it takes: the journal holds what comes
// after. It returns an error when the session cannot go on.
func (p *Pipeline) flush(ctx context.Context, b *batch) error {
	for _, reason := range b.losses {
		p.log.Error().Str("reason", reason).Msg("a part of the journal is damaged; a copy was put aside")
	}
	b.losses = nil
	for attempt := 0; ; attempt++ {
		err := p.tryFlush(ctx, b)
		if err == nil {
			p.storeIsUp()
			p.noteStored(b)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.storeIsDown(err)
		if !sleep(ctx, p.backoff(attempt)) {
			return ctx.Err()
		}
		committed, err := p.whereIsStore(ctx, b)
		if err != nil {
			return err
		}
		if committed {
			p.noteStored(b)
			return nil
		}
	}
}

// whereIsStore finds out whether a batch whose Write failed was committed.
func (p *Pipeline) whereIsStore(ctx context.Context, b *batch) (committed bool, err error) {
	at, err := p.position(ctx, max(p.journal.LastAtOpen(), p.attempted))
	switch {
	case err != nil:
		return false, err
	case at == b.To:
		return true, nil
	case at == b.From && alert.ID(p.journal.ID()) == b.Journal:
		return false, nil
	}
	return false, fmt.Errorf("batch from %d to %d, store at %d: %w", b.From, b.To, at, errReposition)
}

func (p *Pipeline) tryFlush(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.WriteTimeout)
	defer cancel()
	if err := p.quarantineRejected(b); err != nil {
		return err
	}
	p.attempted = max(p.attempted, b.To)
	start := time.Now()
	err := p.storer.Write(ctx, &b.Batch)
	if permanent(err) {
		p.log.Error().Err(err).Uint64("from", b.From).Uint64("to", b.To).Msg("the store refuses a batch; looking for the row")
		if err = p.isolate(ctx, b); err == nil {
			err = p.storer.Write(ctx, &b.Batch)
		}
	}
	if err == nil {
		p.observer.Flushed(time.Since(start), len(b.Events))
	}
	return err
}

// noteStored is the back edge: the batch is committed.
func (p *Pipeline) noteStored(b *batch) {
	if p.live.Listening() {
		p.live.Publish(p.journalNumber, &b.Batch) // before the contents are let go of
	}
	var replayed int
	for _, c := range b.counts {
		if c.seq <= p.journal.LastAtOpen() || p.unanswered.take(c.seq) {
			replayed += c.alerts
		}
	}
	p.unanswered.forget(b.To)
	for i := range b.rejected {
		r := &b.rejected[i]
		count, what := p.observer.AlertsQuarantined, "alerts"
		if r.frame.recorder {
			count, what = p.observer.RecorderEventsQuarantined, "events of a recorder"
		}
		elements := 0
		for j := range r.alerts {
			n := r.alerts[j].elements()
			count(r.alerts[j].reason, n)
			elements += n
		}
		if len(r.alerts) == 0 {
			continue
		}
		p.often.Warn().Int("elements", elements).Uint64("position", r.frame.seq).Str("source", r.frame.source).
			Str("request_id", r.frame.requestID).Msg(what + " are in quarantine, their neighbours are stored: " + r.alerts[0].detail)
	}
	p.observer.AlertsStored(len(b.Events), replayed)
	p.stored.advance(b.To)
	p.journal.Stored(b.To)
}

func (p *Pipeline) storeIsUp() {
	if p.storeUp.Swap(true) {
		return
	}
	p.observer.StoreUp(true)
	p.log.Info().Msg("the store is up; what waits in the journal is being stored")
}

func (p *Pipeline) storeIsDown(err error) {
	select {
	case p.setback <- struct{}{}:
	default:
	}
	if p.storeUp.Swap(false) || p.storeNeverSeen.Swap(false) {
		p.observer.StoreUp(false)
		p.log.Warn().Err(err).Msg("the store does not take alerts; they wait in the journal, and ingest goes on")
	}
}

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// backoff doubles with every attempt, with a jitter of half of it.
func (p *Pipeline) backoff(attempt int) time.Duration {
	d := min(firstBackoff<<min(attempt, 10), maxBackoff)
	return d/2 + rand.N(d/2)
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// permanent reports whether trying again is pointless. An error that does not
// say is not permanent: we would sooner retry for ever than drop an alert.
func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}
