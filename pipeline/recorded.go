package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	stdjson "encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"unicode/utf8"

	"stormdrain/internal/alert"
)

// Alertmanager's event recorder sends protojson: one event or an array of them,
//
//	{"@timestamp": "…", "instance": "…", "data": {KIND: {…}}, …}
//
// with 64-bit integers as decimal strings and white space that comes and goes. What
// KIND is and what is in it is the sender's: only a few words are looked for, and
// everything is kept as it was sent.

// recordedEvent is one event on its way into a frame. The ranges are of the
// decoder's text and fingerprints.
type recordedEvent struct {
	index                   int32
	at                      alert.Time // NoTime: the event does not say
	id                      alert.ID
	instance, kind, silence span
	fingerprints            span
	raw                     []byte // in the body
}

type span struct{ start, end int }

// recordedDecoder turns a body into events. Its buffers are used again; one request
// has it at a time. It goes through each event once, however deep that is nested.
type recordedDecoder struct {
	elements int // events and rejected together
	events   []recordedEvent
	rejected []rejectedAlert // raw is in the body

	text         []byte
	fingerprints []uint64

	// ---- of the event at hand ----
	b                           []byte
	at, instance, kind, silence []byte // as they are spelled; nil for absent
	prints                      int    // where its fingerprints begin

	// canon has the canonical form of what was read, members that of the objects
	// that are not complete. Strings are what they stand for, numbers are as they are
	// spelled; a complete object or array is replaced by its hash. So each byte is
	// hashed once, and sorting the members of an object moves nothing.
	canon   []byte
	members []memberSpan
	hash    hash.Hash
}

// memberSpan is a member in recordedDecoder.canon.
type memberSpan struct{ start, value, end int }

func (d *recordedDecoder) reset() {
	clear(d.events)
	clear(d.rejected)
	*d = recordedDecoder{
		events: d.events[:0], rejected: d.rejected[:0], text: d.text[:0], fingerprints: d.fingerprints[:0],
		canon: d.canon[:0], members: d.members[:0], hash: d.hash,
	}
	if d.hash == nil {
		d.hash = sha256.New()
	}
}

// held estimates the memory behind a decoder, in bytes.
func (d *recordedDecoder) held() int {
	return cap(d.events)*160 + cap(d.rejected)*64 + cap(d.text) + 8*cap(d.fingerprints) + cap(d.canon) + 24*cap(d.members)
}

// decode reads the body, which is lent: what d holds points into it. The only error
// is *alert.RefusedError.
func (d *recordedDecoder) decode(body []byte) error {
	d.reset()
	body = trimSpace(body)
	if !stdjson.Valid(body) {
		return syntaxError(body, "an event of Alertmanager's recorder, or an array of them")
	}
	if !utf8.Valid(body) {
		body = toUTF8(body)
	}
	nothing := 0 // elements that are no event at all
	add := func(element []byte) {
		if reason, err := d.event(element); err != nil {
			if reason == reasonKind {
				nothing++
			}
			d.rejected = append(d.rejected, rejectedAlert{index: int32(d.elements), reason: reason, detail: err.Error(), raw: element})
		}
		d.elements++
	}
	switch body[0] {
	case '{':
		add(body)
	case '[':
		for element := range elements(body) {
			add(element)
		}
	default:
		nothing, d.elements = 1, 1
	}
	if nothing > 0 && nothing == d.elements {
		return shapeError(`no event of a recorder in it; expected {"@timestamp", "instance", "data": {KIND: …}} or an array of such: is this a webhook of Alertmanager's event_recorder, or another one?`)
	}
	return nil
}

// toUTF8 makes each byte of invalid UTF-8 U+FFFD.
func toUTF8(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return out
}

const reasonKind = "kind"

// event reads one element. The reason goes with an error.
func (d *recordedDecoder) event(raw []byte) (reason string, err error) {
	if raw[0] != '{' {
		return reasonKind, &typeError{"the event", describe(raw)}
	}
	d.b, d.at, d.instance, d.kind, d.silence = raw, nil, nil, nil, nil
	d.prints = len(d.fingerprints)
	d.canon = d.canon[:0]
	d.value(0, inEvent)
	if d.kind == nil {
		return reasonKind, fmt.Errorf(`there is no "data" that holds an object`)
	}
	ev := recordedEvent{index: int32(d.elements), raw: raw}
	if ev.at, reason, err = readTime("@timestamp", d.at); err != nil {
		return reason, err
	}
	if d.instance != nil && d.instance[0] != '"' && d.instance[0] != 'n' {
		return "type", &typeError{"instance", describe(d.instance)}
	}
	ev.instance, ev.kind, ev.silence = d.keep(d.instance), d.keep(d.kind), d.keep(d.silence)
	mine := d.fingerprints[d.prints:]
	slices.Sort(mine)
	d.fingerprints = d.fingerprints[:d.prints+len(slices.Compact(mine))]
	ev.fingerprints = span{d.prints, len(d.fingerprints)}
	ev.id = d.identity(&ev)
	d.events = append(d.events, ev)
	return "", nil
}

// keep puts what a string stands for into text; nothing for null and nil.
func (d *recordedDecoder) keep(quoted []byte) span {
	start := len(d.text)
	if len(quoted) > 0 && quoted[0] == '"' {
		d.text = appendUnquoted(d.text, quoted)
	}
	return span{start, len(d.text)}
}

// identity hashes instance, time and what else was said.
func (d *recordedDecoder) identity(ev *recordedEvent) (id alert.ID) {
	var head [24]byte
	instance := d.text[ev.instance.start:ev.instance.end]
	binary.BigEndian.PutUint64(head[0:], uint64(ev.at.Micros))
	binary.BigEndian.PutUint64(head[8:], uint64(ev.at.Nanos))
	binary.BigEndian.PutUint64(head[16:], uint64(len(instance)))
	d.canon = append(append(d.canon, head[:]...), instance...)
	d.hash.Reset()
	d.hash.Write(d.canon)
	n := len(d.canon)
	d.canon = d.hash.Sum(d.canon) // not into an array of this function, which an interface would move to the heap
	copy(id[:], d.canon[n:])
	return id
}

// place says whose words the names of an object are.
type place uint8

const (
	inEvent   place = iota // @timestamp, instance, data
	inData                 // the kind
	inKind                 // what the kind says of alert, silence and so on
	inSilence              // the silence of the kind
	inside                 // further down
	aside                  // labels and annotations, which others have named; and what is not known
)

// value puts the canonical form of the value at i into canon, notes what is looked
// for, and returns the index behind it.
func (d *recordedDecoder) value(i int, where place) int {
	switch d.b[i] {
	case '{':
		return d.object(i, where)
	case '[':
		return d.array(i, where)
	case '"':
		end := skipString(d.b, i)
		d.string(d.b[i:end])
		return end
	}
	end := skipValue(d.b, i)
	start := d.open('l')
	d.canon = append(d.canon, d.b[i:end]...)
	d.close(start)
	return end
}

// open and close stand around the bytes of a string or another plain value.
func (d *recordedDecoder) open(kind byte) (start int) {
	d.canon = append(d.canon, kind, 0, 0, 0, 0, 0, 0, 0, 0)
	return len(d.canon)
}

func (d *recordedDecoder) close(start int) {
	binary.BigEndian.PutUint64(d.canon[start-8:], uint64(len(d.canon)-start))
}

func (d *recordedDecoder) string(quoted []byte) {
	start := d.open('s')
	d.canon = appendUnquoted(d.canon, quoted)
	d.close(start)
}

func (d *recordedDecoder) array(i int, where place) int {
	if where == inKind || where == inSilence {
		where = inside
	}
	start := len(d.canon)
	for i = skipSpace(d.b, i+1); d.b[i] != ']'; {
		i = skipSpace(d.b, d.value(i, where))
		if d.b[i] == ',' {
			i = skipSpace(d.b, i+1)
		}
	}
	d.hash.Reset()
	d.hash.Write(d.canon[start:])
	d.replace(start, 'a')
	return i + 1
}

// replace puts the hash in the place of what was hashed.
func (d *recordedDecoder) replace(start int, kind byte) {
	d.canon = d.hash.Sum(append(d.canon[:start], kind))
}

func (d *recordedDecoder) object(i int, where place) int {
	start, first := len(d.canon), len(d.members)
	sorted := true
	for i = skipSpace(d.b, i+1); d.b[i] != '}'; {
		end := skipString(d.b, i)
		quoted := d.b[i:end]
		m := memberSpan{start: len(d.canon)}
		d.string(quoted)
		m.value = len(d.canon)
		i = skipSpace(d.b, end)
		i = skipSpace(d.b, i+1) // the colon
		end = d.value(i, d.placeOf(m, where, d.b[i]))
		m.end = len(d.canon)
		if d.note(m, where, quoted, d.b[i:end]) {
			if n := len(d.members); n > first && bytes.Compare(d.name(d.members[n-1]), d.name(m)) >= 0 {
				sorted = false
			}
			d.members = append(d.members, m)
		} else {
			d.canon = d.canon[:m.start]
		}
		i = skipSpace(d.b, end)
		if d.b[i] == ',' {
			i = skipSpace(d.b, i+1)
		}
	}
	mine := d.members[first:]
	if !sorted {
		slices.SortStableFunc(mine, func(a, b memberSpan) int { return bytes.Compare(d.name(a), d.name(b)) })
	}
	d.hash.Reset()
	for n, m := range mine {
		if n+1 < len(mine) && bytes.Equal(d.name(m), d.name(mine[n+1])) {
			continue // of two with one name the last counts
		}
		d.hash.Write(d.canon[m.start:m.end])
	}
	d.members = d.members[:first]
	d.replace(start, 'o')
	return i + 1
}

// name returns what the name of a member stands for.
func (d *recordedDecoder) name(m memberSpan) []byte { return d.canon[m.start+9 : m.value] }

// placeOf says where the value of a member is.
func (d *recordedDecoder) placeOf(m memberSpan, where place, first byte) place {
	switch name := d.name(m); where {
	case inEvent:
		if string(name) == "data" && first == '{' {
			return inData
		}
		return aside
	case inData:
		return inKind
	case aside:
		return aside
	default:
		switch string(name) {
		case "labels", "annotations", "groupLabels":
			return aside
		case "silence":
			if where == inKind {
				return inSilence
			}
		}
		return inside
	}
}

// note remembers what a member says if it is looked for, and reports whether it
// belongs to the content: instance and time are apart.
func (d *recordedDecoder) note(m memberSpan, where place, quoted, value []byte) bool {
	name := d.name(m)
	switch {
	case where == inEvent && string(name) == "@timestamp":
		d.at = value
		return false
	case where == inEvent && string(name) == "instance":
		d.instance = value
		return false
	case where == inData && d.kind == nil && value[0] == '{':
		d.kind = quoted
	case where == inSilence && string(name) == "id" && value[0] == '"':
		d.silence = value
	case where >= inKind && where != aside && string(name) == "fingerprint":
		if v, err := strconv.ParseUint(string(bytes.Trim(value, `"`)), 10, 64); err == nil {
			d.fingerprints = append(d.fingerprints, v)
		}
	}
	return true
}
