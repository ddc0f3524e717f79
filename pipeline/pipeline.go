// Package pipeline takes bodies in and hands batches on. Its forward half turns
// a body into a frame in the journal and answers; its storing half turns frames
// into batches for the store. The journal is all that lies between the two.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/alert"
	"stormdrain/internal/live"
	"stormdrain/internal/quarantine"
	"stormdrain/internal/record"
)

// Journal is what the pipeline asks of a journal.
type Journal interface {
	ID() [16]byte
	// NewIdentity makes a new identity durable; frames up to LastAtOpen count
	// as stored from then on.
	NewIdentity() ([16]byte, error)
	LastAtOpen() uint64
	Durable() uint64
	// Append takes e: it calls Encode at most once, and Release once. durable:
	// it returns after the fdatasync, or when wait is over. A position other than 0 beside an error means that the
	// frame may become durable all the same.
	Append(e record.Encoder, durable bool, wait time.Duration) (seq uint64, err error)
	// Reader reads the frames behind a position, and the entries they need.
	Reader(after uint64) (RecordReader, error)
	ReadEntry(segment uint64, offset int64) ([]byte, error)
	// Stored is the back edge; it never blocks.
	Stored(seq uint64)
	Ready() error
}

// RecordReader reads a journal in order. One goroutine uses it.
type RecordReader interface {
	Next(ctx context.Context) (record.Record, error)
	TryNext() (record.Record, bool, error)
	Close()
}

// Writer is what the pipeline asks of a store; storage.Store says it in full.
type Writer interface {
	Position(ctx context.Context, journal alert.ID) (uint64, error)
	JournalNumber(ctx context.Context, journal alert.ID) (int32, error)
	Write(ctx context.Context, b *alert.Batch) error
	Try(ctx context.Context, b *alert.Batch) error
	Folder
}

// Quarantine keeps what cannot be stored. Both calls return when it is durable.
type Quarantine interface {
	Body(r alert.Request, reason, detail string) error
	Alerts(d quarantine.Delivery, rejected []quarantine.Rejected) error
}

// Observer is told what happens, for the metrics. Its methods must not block.
type Observer interface {
	AlertsReceived(n int)
	AlertsTruncated(n uint64) // that a sender said it left out of a delivery which was received
	AlertsStored(stored, replayed int)
	AlertsQuarantined(reason string, n int)
	BodyQuarantined(reason string)
	RecorderEvents(n int) // acknowledged; none of them is an alert
	RecorderEventsQuarantined(reason string, n int)
	Flushed(d time.Duration, rows int)
	Folded(d time.Duration, events uint64)
	StoreUp(up bool)
}

// Ack is what a nil error from Ingest promises.
type Ack string

const (
	AckFsync  Ack = "fsync"  // on this disk
	AckCommit Ack = "commit" // committed in the store
	AckMemory Ack = "memory" // accepted only
)

// StoreUp reports whether the store answered the last time it was asked.
func (p *Pipeline) StoreUp() bool { return p.storeUp.Load() }

// Config of a pipeline. The zero value is not usable; see DefaultConfig.
type Config struct {
	Ack            Ack
	MaxAlerts      int           // in one request; 0: no limit
	RequestTimeout time.Duration // longest wait of a request without a deadline of its own
	InternMaxBytes int64         // of the table of known sets; the least used make room
	BodyCacheBytes int64         // of whole bodies; 0: no cache
	Workers        int           // that parse frames; 0: one for each processor, at most 4
	RingSize       int           // deliveries between reader and batcher
	RingMaxBytes   int64         // of all chunks and the batch together; a larger frame goes through alone
	BatchRows      int           // events that make a batch; one delivery more is possible
	FlushInterval  time.Duration // longest wait of an event for its batch to fill; with AckCommit there is none
	WriteTimeout   time.Duration // a batch that takes longer is cancelled and tried again
	Episodes       bool          // events are folded

	parse parser // nil: parseFrame
}

// DefaultConfig returns the defaults of the configuration file.
func DefaultConfig() Config {
	return Config{
		Ack: AckFsync, RequestTimeout: 8 * time.Second,
		InternMaxBytes: 32 << 20, BodyCacheBytes: 8 << 20,
		RingSize: 1024, RingMaxBytes: 8 << 20, BatchRows: 5000,
		FlushInterval: 100 * time.Millisecond, WriteTimeout: 5 * time.Minute, Episodes: true,
	}
}

// Validate names the first field that cannot be.
func (c *Config) Validate() error {
	switch {
	case c.Ack != AckFsync && c.Ack != AckCommit && c.Ack != AckMemory:
		return fmt.Errorf("ack is %q; expected fsync, commit or memory", c.Ack)
	case c.RingSize < 1 || c.BatchRows < 1 || c.RingMaxBytes < 1:
		return errors.New("ring size, ring bytes and batch rows must be at least 1")
	case c.FlushInterval <= 0 || c.WriteTimeout <= 0 || c.RequestTimeout <= 0:
		return errors.New("flush interval and timeouts must be longer than 0")
	}
	return nil
}

// Pipeline is both halves. Ingest may be called from any number of goroutines.
type Pipeline struct {
	journal    Journal
	storer     Writer
	folder     Folder // nil: nothing is folded
	quarantine Quarantine
	observer   Observer
	log        zerolog.Logger
	often      zerolog.Logger // log, at most a few lines a second
	cfg        Config

	table      *internTable
	bodies     *bodyCache
	ingestions sync.Pool
	recordings sync.Pool

	stored         watermark
	accepted       atomic.Uint64 // the last position given out without waiting for the disk
	setback        chan struct{} // one message: an attempt to store has failed
	unanswered     seqSet
	storeUp        atomic.Bool
	storeNeverSeen atomic.Bool
	unfolded       since
	live           live.Hub

	// ---- owned by the storing goroutine ----
	attempted     uint64 // the highest position given to Write
	journalNumber int32  // the store's, in this session

	stop        context.CancelFunc
	storingDone chan struct{}
}

// Open starts the storing half and returns a pipeline that takes requests. The
// store need not be reachable.
func Open(cfg Config, j Journal, w Writer, q Quarantine, o Observer, log zerolog.Logger) (*Pipeline, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Ack == AckCommit {
		// Who waits for a commit joins the next one: waiting for more would only
		// make all of them wait.
		cfg.FlushInterval = 0
	}
	if cfg.Workers == 0 {
		cfg.Workers = min(runtime.GOMAXPROCS(0), 4)
	}
	if cfg.parse == nil {
		cfg.parse = parseFrame
	}
	p := &Pipeline{
		journal: j, storer: w, quarantine: q, observer: o, log: log, cfg: cfg,
		often: log.Sample(&zerolog.BurstSampler{Burst: 3, Period: time.Second}),
		table: newInternTable(cfg.InternMaxBytes), bodies: newBodyCache(cfg.BodyCacheBytes),
		setback: make(chan struct{}, 1), storingDone: make(chan struct{}),
	}
	p.ingestions.New = func() any {
		return &ingestion{pipeline: p, decoder: decoder{table: p.table, maxAlerts: p.cfg.MaxAlerts}}
	}
	p.recordings.New = func() any { return &recording{pipeline: p} }
	if cfg.Episodes {
		p.folder = w
	}
	p.stored.changed = make(chan struct{})
	p.storeNeverSeen.Store(true)
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go p.store(ctx)
	return p, nil
}

// ErrStoreDown is returned by Ingest and Ready with AckCommit, which cannot be
// kept without the store.
var ErrStoreDown = errors.New("the store is down, and journal.ack is commit")

// Live is where what is stored can be listened to.
func (p *Pipeline) Live() *live.Hub { return &p.live }

// Ready reports whether a 2xx can be promised now.
func (p *Pipeline) Ready() error {
	if p.cfg.Ack == AckCommit && !p.storeUp.Load() {
		return ErrStoreDown
	}
	return p.journal.Ready()
}

// giveUpAfter is how many attempts to store may fail one after the other during
// Close, with nothing stored between them.
const giveUpAfter = 3

// Close stores what was taken in as long as ctx and the store allow, and stops
// the storing half. Nobody may call Ingest any more. What is left is in the
// journal. It may be called twice.
func (p *Pipeline) Close(ctx context.Context) error {
	err := p.handOn(ctx, max(p.journal.Durable(), p.accepted.Load()))
	p.stop()
	<-p.storingDone
	if err == nil {
		p.foldLast(ctx)
	}
	return err
}

// handOn waits until everything up to target is stored.
func (p *Pipeline) handOn(ctx context.Context, target uint64) error {
	select {
	case <-p.setback: // of before
	default:
	}
	var failed int
	var last uint64
	var err error
	for {
		at, changed := p.stored.look()
		switch {
		case at >= target:
			return nil
		case at > last:
			last, failed = at, 0
		case failed >= giveUpAfter:
			err = errors.New("the store is down")
		}
		if err != nil {
			return fmt.Errorf("stored up to %d of %d, the rest waits in the journal: %w", at, target, err)
		}
		select {
		case <-changed:
		case <-p.setback:
			failed++
		case <-p.storingDone: // closed before
			err = context.Canceled
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
}

// InternStats are read when metrics are scraped.
type InternStats struct {
	Entries      map[string]int64 // by kind
	Bytes        int64
	Hits, Misses uint64
}

func internKinds() []alert.EntryKind {
	return []alert.EntryKind{alert.KindLabelSet, alert.KindDetails, alert.KindEnvelope}
}

// InternKinds are the keys of InternStats.Entries.
func InternKinds() (names []string) {
	for _, kind := range internKinds() {
		names = append(names, kind.String())
	}
	return names
}

// InternStats returns the state of the table of known sets.
func (p *Pipeline) InternStats() InternStats {
	s := InternStats{Entries: make(map[string]int64, 3), Bytes: p.table.bytes.Load()}
	for _, kind := range internKinds() {
		s.Entries[kind.String()] = p.table.entries[kind].Load()
	}
	s.Hits, s.Misses = p.table.counts()
	return s
}
