package pipeline

import (
	"errors"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/internal/record"
)

// ingestion is one request on its way to the journal: the decoder with its
// buffers, and what the frame is made of. It goes back to the pool as a whole.
type ingestion struct {
	pipeline  *Pipeline
	decoder   decoder
	result    *decoded // the decoder's, or the body cache's
	source    []byte   // lent, as is the next
	requestID []byte
	nextFresh int
}

// Encode writes the entries that the segment does not have yet, and the frame.
// It runs under the journal's lock, which guards generation and number of every
// entry.
func (in *ingestion) Encode(w record.Writer) {
	in.nextFresh = 0
	generation := w.Generation()
	d := in.result
	in.put(w, generation, d.envelope)
	for i := range d.events {
		in.put(w, generation, d.events[i].labels)
		in.put(w, generation, d.events[i].details)
	}
	w.EndFrame(appendFrame(w.BeginFrame(), w.ReceivedAt(), d, in.source, in.requestID))
}

func (in *ingestion) put(w record.Writer, generation uint64, e *entry) {
	// Fresh entries come in the order of their first use, which is this order.
	var canonical []byte
	if fresh := in.decoder.fresh; in.nextFresh < len(fresh) && fresh[in.nextFresh].e == e {
		f := fresh[in.nextFresh]
		canonical = in.decoder.arena[f.start:f.end]
		in.nextFresh++
	}
	if e.generation == generation {
		return
	}
	if canonical == nil {
		// Known for longer than this segment: worked out again, once a segment.
		canonical = in.decoder.recall(e)
	}
	buf := append(w.BeginEntry(), byte(e.kind))
	buf = append(buf, e.id[:]...)
	e.number = w.EndEntry(append(buf, canonical...))
	e.generation = generation
}

// recall returns the canonical encoding of an entry from its key, in d.arena.
func (d *decoder) recall(e *entry) []byte {
	if e.key == nil {
		panic("BUG: an entry of one request outlived it")
	}
	start := len(d.arena)
	arena, err := d.canon.canonical(d.arena, e.kind, e.key)
	if err != nil {
		panic("BUG: entry with a key that is refused: " + err.Error())
	}
	d.arena = arena
	return arena[start:]
}

// keepAtMost is how much memory an ingestion may keep in the pool; a request
// of 10 000 alerts should not be remembered for ever.
const keepAtMost = 1 << 20

func (p *Pipeline) getIngestion() *ingestion {
	return p.ingestions.Get().(*ingestion)
}

// Release puts it back.
func (in *ingestion) Release() {
	in.result, in.source, in.requestID = nil, nil, nil
	in.decoder.reset()
	if in.decoder.held() <= keepAtMost {
		in.pipeline.ingestions.Put(in)
	}
}

// held estimates the memory behind a decoder, in bytes.
func (d *decoder) held() int {
	n := cap(d.key) + cap(d.text) + cap(d.canon.text) + cap(d.arena) + cap(d.wire.extra) + cap(d.fresh)*32 + cap(d.out.events)*64
	for _, f := range d.wire.fields() {
		n += cap(*f.value)
	}
	all := d.wire.Alerts[:cap(d.wire.Alerts)]
	n += len(all) * 240
	for i := range all {
		n += cap(all[i].Labels) + cap(all[i].Annotations) + cap(all[i].GeneratorURL) + cap(all[i].extra)
	}
	return n
}

// Ingest takes a request in. A nil error is the promise of cfg.Ack: the alerts
// are durable, or stored, or at least accepted. *alert.RefusedError means never;
// any other error means not now. The bytes of r are lent until Ingest returns.
//
// It returns the number of elements of the array that was sent: alerts, or events of
// a recorder.
func (p *Pipeline) Ingest(r alert.Request) (int, error) {
	if p.cfg.Ack == AckCommit && !p.storeUp.Load() {
		return 0, ErrStoreDown
	}
	if r.Kind == alert.Recorder {
		return p.ingestRecorded(r)
	}
	in := p.getIngestion()
	known, hash := p.bodies.find(r.Kind, r.Body)
	if known != nil {
		in.result = known
	} else {
		result, err := in.decoder.decode(r.Kind, r.Body)
		if err != nil {
			in.Release()
			return 0, p.refuse(r, err)
		}
		in.result = result
		p.bodies.add(r.Kind, hash, r.Body, result)
	}
	in.source, in.requestID = r.Source, r.RequestID
	n, truncated := in.result.elements, in.result.truncated
	if err := p.append(in, r.Deadline); err != nil {
		return 0, err
	}
	p.observer.AlertsReceived(n)
	if truncated > 0 {
		p.observer.AlertsTruncated(truncated)
	}
	return n, nil
}

// append puts a frame into the journal and waits for what cfg.Ack promises. It
// takes e.
func (p *Pipeline) append(e record.Encoder, deadline time.Time) error {
	if deadline.IsZero() {
		deadline = time.Now().Add(p.cfg.RequestTimeout)
	}
	seq, err := p.journal.Append(e, p.cfg.Ack != AckMemory, time.Until(deadline))
	if err == nil && p.cfg.Ack == AckCommit {
		err = p.stored.wait(seq, time.Until(deadline))
	}
	if err != nil {
		if seq != 0 {
			p.unanswered.add(seq)
		}
		return err
	}
	if p.cfg.Ack == AckMemory {
		p.noteAccepted(seq)
	}
	return nil
}

// noteAccepted remembers the highest position that Close has to wait for.
func (p *Pipeline) noteAccepted(seq uint64) {
	for {
		last := p.accepted.Load()
		if seq <= last || p.accepted.CompareAndSwap(last, seq) {
			return
		}
	}
}

// refuse keeps the body before the sender is told.
func (p *Pipeline) refuse(r alert.Request, err error) error {
	var refused *alert.RefusedError
	if !errors.As(err, &refused) || refused.TooLarge {
		return err
	}
	if qerr := p.quarantine.Body(r, refused.Reason, refused.Detail); qerr != nil {
		p.log.Error().Err(qerr).Str("reason", refused.Reason).Msg("a refused body could not be kept in quarantine")
		return refused
	}
	p.observer.BodyQuarantined(refused.Reason)
	p.often.Warn().Str("reason", refused.Reason).Bytes("source", r.Source).Bytes("request_id", r.RequestID).
		Msg("a body was refused and is kept in quarantine: " + refused.Detail)
	return refused
}
