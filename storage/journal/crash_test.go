package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"stormdrain/storage/journal/crashfs"
)

// TestCrash checks 20 000 states of the disk after a crash, each with the
// workload, the moment and what survives of it drawn from a seed.
func TestCrash(t *testing.T) {
	states := 20_000
	if raceEnabled {
		states = 800
	}
	if testing.Short() {
		states = 500
	}
	for seed, done := uint64(1), 0; done < states; seed++ {
		h := newHistory(t, seed)
		done += h.run()
		if t.Failed() {
			return
		}
	}
}

// history is one journal through several crashes, and what must be true of it.
type history struct {
	t    *testing.T
	seed uint64
	rng  *rand.Rand
	disk *crashfs.FS
	cfg  Config

	faulty bool // operations fail in this life

	mu       sync.Mutex
	sent     map[string]bool   // every frame that ever was handed to Append
	promised map[uint64]string // acknowledged, or seen by a reader: must survive, in its place
	stored   uint64
}

func newHistory(t *testing.T, seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 1))
	cfg := DefaultConfig()
	cfg.Dir = "/data/journal"
	cfg.SegmentBytes = 256 + rng.Int64N(3000)
	cfg.ahead = rng.Int64N(3)*700 - 700 // none, none, 700 bytes of zeros
	cfg.MaxBytes = 1 << 20
	return &history{
		t: t, seed: seed, rng: rng, cfg: cfg, disk: crashfs.New(seed),
		sent: map[string]bool{}, promised: map[uint64]string{},
	}
}

func (h *history) failf(format string, args ...any) {
	h.t.Helper()
	h.t.Errorf("seed %d: %s", h.seed, fmt.Sprintf(format, args...))
}

// excused: an error is what the disk is expected to cause.
func (h *history) excused() bool { return h.faulty || h.disk.Crashed() }

// run returns the number of crashes.
func (h *history) run() int {
	crashes := 2 + h.rng.IntN(4)
	for round := range crashes {
		switch h.rng.IntN(4) {
		case 0: // in the middle of recovery, as a rule
			h.disk.CrashAt(1 + h.rng.IntN(12))
		case 1: // when nothing is under way
			h.disk.CrashAt(0)
		default:
			h.disk.CrashAt(1 + h.rng.IntN(100))
		}
		h.life(round)
		if h.rng.IntN(5) == 0 {
			h.disk = h.disk.Kill()
		} else {
			h.disk = h.disk.Crash()
		}
		if h.t.Failed() {
			return crashes
		}
	}
	h.disk.CrashAt(0)
	h.life(crashes)
	return crashes
}

// life is one process: it opens, checks, works, and is gone.
func (h *history) life(round int) {
	cfg := h.cfg
	cfg.FS = h.disk
	j, err := Open(cfg)
	if err != nil {
		if !h.disk.Crashed() {
			h.failf("round %d: open: %v", round, err)
		}
		return
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second*20)
		defer cancel()
		if err := j.Close(ctx); err != nil && !h.excused() {
			h.failf("round %d: close: %v", round, err)
		}
	}()
	if !h.check(j, round) {
		return
	}
	h.faulty = h.rng.IntN(4) == 0
	if h.faulty {
		h.disk.FailWith(0.03, syscall.EIO, syscall.ENOSPC, crashfs.ErrShort)
		defer h.disk.FailWith(0)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() { h.consume(j, stop) })
	var writers sync.WaitGroup
	seen := &dictionary{}
	for w := range 1 + h.rng.IntN(3) {
		frames, size := 1+h.rng.IntN(12), h.rng.IntN([]int{60, 400, 2000}[h.rng.IntN(3)])
		durable := h.rng.IntN(3) > 0
		writers.Go(func() {
			for i := range frames {
				if !h.append(j, seen, fmt.Sprintf("%d.%d.%d-%0*d", round, w, i, size, 0), durable) {
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	wg.Wait()
}

func (h *history) append(j *Journal, seen *dictionary, rest string, durable bool) bool {
	f := &text{word: "word" + rest[:3], rest: rest, seen: seen}
	h.mu.Lock()
	h.sent[f.word+" "+rest] = true
	h.mu.Unlock()
	seq, err := j.Append(f, durable)
	if err != nil {
		if !h.excused() {
			h.failf("append: %v", err)
		}
		return !h.disk.Crashed()
	}
	if durable {
		h.promise(seq, f.word+" "+rest)
	}
	return true
}

func (h *history) promise(seq uint64, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if was, ok := h.promised[seq]; ok && was != what {
		h.failf("position %d was %.30q and is %.30q", seq, was, what)
	}
	h.promised[seq] = what
}

// consume is the storing side: what it was given must be there after a crash.
func (h *history) consume(j *Journal, stop chan struct{}) {
	h.mu.Lock()
	from := h.stored
	h.mu.Unlock()
	frames, err := h.collect(j, from, stop)
	if err != nil && !h.excused() {
		h.failf("read: %v", err)
	}
	for _, f := range frames {
		h.promise(f.seq, f.what)
	}
}

type gotFrame struct {
	seq  uint64
	what string // "" when the entry is missing
}

// collect reads what is durable. With stop it goes on until then, and says from
// time to time that all is stored.
func (h *history) collect(j *Journal, after uint64, stop chan struct{}) (out []gotFrame, err error) {
	r, err := j.Reader(after)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	words := map[[2]uint64]string{}
	for {
		rec, ok, err := r.TryNext()
		if err != nil {
			return out, err
		}
		switch {
		case !ok && stop == nil:
			return out, nil
		case !ok:
			select {
			case <-stop:
				stop = nil
			case <-r.wake:
			}
		case rec.Kind == KindEntry:
			words[[2]uint64{rec.Segment, uint64(rec.Number)}] = string(rec.Payload)
		case rec.Kind == KindFrame:
			out = append(out, gotFrame{rec.Seq, spell(words, &rec)})
			if stop != nil && rec.Seq%7 == 0 {
				h.mu.Lock()
				h.stored = rec.Seq
				h.mu.Unlock()
				j.Stored(rec.Seq)
			}
		}
	}
}

func spell(words map[[2]uint64]string, rec *Record) string {
	var n uint64
	var rest string
	if _, err := fmt.Sscanf(string(rec.Payload), "%d:%s", &n, &rest); err != nil {
		return "garbage"
	}
	word, ok := words[[2]uint64{rec.Segment, n}]
	if !ok {
		return ""
	}
	return word + " " + rest
}

// check compares the journal with what must be true: acknowledged is part of
// recovered, recovered is part of sent, each once, in order.
func (h *history) check(j *Journal, round int) bool {
	h.mu.Lock()
	stored := h.stored
	h.mu.Unlock()
	if j.LastAtOpen() < stored {
		h.failf("round %d: stored up to %d, and the journal ends at %d", round, stored, j.LastAtOpen())
		return false
	}
	frames, err := h.collect(j, stored, nil)
	if err != nil {
		if !h.disk.Crashed() {
			h.failf("round %d: read: %v", round, err)
		}
		return false
	}
	found, before := map[string]bool{}, stored
	for _, f := range frames {
		if f.seq <= before || found[f.what] && f.what != "" {
			h.failf("round %d: %d %.30q is out of order or there twice", round, f.seq, f.what)
		}
		before, found[f.what] = f.seq, true
		if f.what != "" && !h.sent[f.what] {
			h.failf("round %d: %d %.30q was never sent", round, f.seq, f.what)
		}
		h.promise(f.seq, f.what)
		delete(h.promised, f.seq)
	}
	for seq, what := range h.promised {
		if seq > stored {
			h.failf("round %d: %d %.30q is lost", round, seq, what)
		}
	}
	for _, f := range frames {
		h.promised[f.seq] = f.what
	}
	return !h.t.Failed()
}
