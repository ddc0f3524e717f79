package pipeline

import "stormdrain/internal/alert"

// elementsHeld returns how many elements a frame holds that could not be read, or made
// parseFrame panic: as many as were acknowledged, so that received, stored and
// quarantined still add up. It reads counts and lengths, and of the rest nothing. One
// that does not even say how many it holds counts as one.
func elementsHeld(payload []byte) int {
	r := frameReader{b: payload}
	skip := r.skipEvent
	switch r.byte() {
	case frameVersion:
		r.uvarint() // the envelope
		r.uvarint() // truncated
	case recordedVersion:
		skip = r.skipRecorded
	default:
		return 1
	}
	r.bytes()
	r.bytes()
	events := r.uvarint()
	// An element has more than one byte: a count above that is damage.
	if r.err != nil || events > uint64(len(r.b)) {
		return 1
	}
	for n := events; n > 0 && r.err == nil; n-- {
		skip()
	}
	rejected := r.uvarint()
	if r.err != nil || rejected > uint64(len(r.b)) {
		return max(1, int(events)) // the first count may still be right
	}
	return int(events + rejected)
}

func (r *frameReader) skipEvent() {
	r.uvarint()
	flags := r.byte()
	r.uvarint() // labels
	r.uvarint() // details
	for _, present := range [...]bool{true, flags&flagStartNanos != 0, flags&flagEnds != 0, flags&flagEnds != 0 && flags&flagEndNanos != 0} {
		if present {
			r.uvarint()
		}
	}
}

func (r *frameReader) skipRecorded() {
	r.uvarint()
	flags := r.byte()
	for _, flag := range [...]byte{flagTimed, flagTimeNanos} {
		if flags&flag != 0 {
			r.uvarint()
		}
	}
	r.take(len(alert.ID{}))
	for range 3 {
		r.bytes()
	}
	prints := min(r.uvarint(), uint64(len(r.b))) // more than that is too many, with eight bytes each
	r.take(8 * int(prints))
	r.bytes()
}
