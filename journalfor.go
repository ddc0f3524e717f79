package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"stormdrain/internal/record"
	"stormdrain/pipeline"
	"stormdrain/storage/journal"
)

// journalFor lets the pipeline use the journal, neither of which knows the
// other, through the words of internal/record.
type journalFor struct {
	*journal.Journal
	frames sync.Pool // of *frameFor
}

func newJournalFor(j *journal.Journal) *journalFor {
	return &journalFor{Journal: j, frames: sync.Pool{New: func() any { return new(frameFor) }}}
}

// Append lets e go before it waits for the disk: what is not in use while 64
// requests wait stays in the processor's cache for those that are worked on.
func (j *journalFor) Append(e record.Encoder, durable bool, wait time.Duration) (uint64, error) {
	f := j.frames.Get().(*frameFor)
	f.encoder = e
	t, err := j.Enqueue(f, durable, wait)
	f.encoder = nil
	j.frames.Put(f)
	e.Release()
	if err == nil {
		err = t.Wait()
	}
	if err != nil && !errors.Is(err, journal.ErrTimeout) {
		return 0, err
	}
	return t.Seq, err
}

type frameFor struct{ encoder record.Encoder }

func (f *frameFor) Encode(w *journal.Writer) { f.encoder.Encode(w) }

func (j *journalFor) Reader(after uint64) (pipeline.RecordReader, error) {
	r, err := j.Journal.Reader(after)
	if err != nil {
		return nil, err
	}
	return readerFor{r}, nil
}

type readerFor struct{ r *journal.Reader }

func (r readerFor) Next(ctx context.Context) (record.Record, error) {
	rec, err := r.r.Next(ctx)
	return recordFor(&rec), err
}

func (r readerFor) TryNext() (record.Record, bool, error) {
	rec, ok, err := r.r.TryNext()
	return recordFor(&rec), ok, err
}

func (r readerFor) Close() { r.r.Close() }

func recordFor(rec *journal.Record) record.Record {
	kinds := [...]record.Kind{journal.KindEntry: record.Entry, journal.KindFrame: record.Frame, journal.KindLost: record.Lost}
	return record.Record{
		Kind: kinds[rec.Kind], Segment: rec.Segment, Number: rec.Number, Seq: rec.Seq, ReceivedAt: rec.ReceivedAt,
		Offset: rec.Offset, Payload: rec.Payload, Reason: rec.Reason,
	}
}
