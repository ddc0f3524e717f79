package pipeline

import (
	"bytes"

	"github.com/goccy/go-json"

	"stormdrain/internal/alert"
)

// The known way. Alertmanager writes every body in one form, and a storm sends
// the same alerts again and again. So the array is read in that form, member by
// member, and what the table of known sets holds byte for byte is not taken
// apart: it was, when it came first. What is new, and everything around the
// array, goes through go-json as ever. At the first byte that is not as
// expected the known way gives up, and the whole body is decoded as any other.
//
// Two parties keep it honest. Bytes that are in the table were valid JSON when
// they came into it. Everything else is compared with a literal, read by a
// parser that accepts nothing else (times, fingerprints), or validated by
// go-json. Where a value ends is found without validating it, and that is right
// for valid JSON; for anything else it does not matter, as one of the two says no.

// knownWay decodes a body into d.out, which must be reset. False: it is to be
// decoded in another way, after another reset.
func (d *decoder) knownWay(body []byte) bool {
	start := beginOfAlerts(body)
	if start < 0 {
		return false
	}
	i := start
	for {
		ev, next, ok := d.knownAlert(body, i)
		if !ok {
			if ev, next, ok = d.oneAlert(body, i); !ok {
				return false
			}
		}
		ev.index = int32(len(d.out.events))
		d.out.events = append(d.out.events, ev)
		if i = next; i >= len(body) {
			return false
		}
		if body[i] == ']' {
			break
		}
		if body[i] != ',' {
			return false
		}
		i++
	}
	d.out.elements = len(d.out.events)
	return (d.maxAlerts == 0 || d.out.elements <= d.maxAlerts) && d.around(body[:start], body[i:])
}

// beginOfAlerts returns the index of the first alert, -1 if the body does not
// begin as Alertmanager's do.
func beginOfAlerts(body []byte) int {
	i := behind(body, 0, `{"receiver":`)
	if i < 0 || i >= len(body) || body[i] != '"' {
		return -1
	}
	i = skipString(body, i)
	if firing := behind(body, i, `,"status":"firing","alerts":[`); firing >= 0 {
		return firing
	}
	return behind(body, i, `,"status":"resolved","alerts":[`)
}

// behind returns the index behind the literal if that is what is at i, otherwise -1.
func behind(b []byte, i int, literal string) int {
	if i < 0 || len(b)-i < len(literal) || string(b[i:i+len(literal)]) != literal {
		return -1
	}
	return i + len(literal)
}

// around decodes what stands before and behind the alerts.
func (d *decoder) around(head, tail []byte) bool {
	d.text = append(append(d.text[:0], head...), tail...)
	m := &d.wire
	if json.UnmarshalWithOption(d.text, m, json.DecodeNoCopyString()) != nil || len(m.Alerts) > 0 || m.compactLength() != len(d.text) {
		return false
	}
	had := len(d.fresh)
	d.out.envelope, d.out.truncated = d.envelope()
	if len(d.fresh) > had && had > 0 { // its first use is before all others'
		e := d.fresh[had]
		copy(d.fresh[1:], d.fresh[:had])
		d.fresh[0] = e
	}
	return true
}

// oneAlert decodes an element that the table does not know all of.
func (d *decoder) oneAlert(body []byte, i int) (ev decodedEvent, next int, ok bool) {
	next = skipValue(body, i)
	element := body[i:next]
	a := &d.one
	a.reset()
	if len(element) == 0 || element[0] != '{' ||
		json.UnmarshalWithOption(element, a, json.DecodeNoCopyString()) != nil ||
		len(a.Status) == 0 || a.compactLength() != len(element) {
		return ev, 0, false
	}
	ev, _, err := d.event(a)
	return ev, next, err == nil
}

// knownAlert reads an element whose label set and details are in the table.
func (d *decoder) knownAlert(body []byte, i int) (ev decodedEvent, next int, ok bool) {
	at := behind(body, i, `{"status":"firing","labels":`)
	if at < 0 {
		if at = behind(body, i, `{"status":"resolved","labels":`); at < 0 {
			return ev, 0, false
		}
		ev.status = alert.Resolved
	}
	var set, details guess
	set.from(d.last, alert.KindLabelSet)
	labels, at := set.value(body, at, set.first(), `,"annotations":`)
	details.from(set.e, alert.KindDetails)
	annotations, at := details.value(body, at, details.first(), `,"startsAt":`)
	starts, at := timeAt(body, at, `,"endsAt":`)
	ends, at := timeAt(body, at, `,"generatorURL":`)
	generator, at := details.value(body, at, details.second(), `,"fingerprint":`)
	if at < 0 || len(body)-at < fingerprintLen {
		return ev, 0, false
	}
	if len(labels) == 0 || labels[0] != '{' || len(annotations) == 0 || annotations[0] != '{' || len(generator) == 0 || generator[0] != '"' {
		return ev, 0, false // a bare word might look like an absent part of a key
	}
	fingerprint := body[at : at+fingerprintLen]
	if next = behind(body, at+fingerprintLen, `}`); next < 0 {
		return ev, 0, false
	}
	var err error
	if ev.startsAt, err = parseTime(starts); err != nil {
		return ev, 0, false
	}
	if ev.endsAt, err = parseTime(ends); err != nil {
		return ev, 0, false
	}
	if ev.endsAt == zeroTime {
		ev.endsAt = alert.NoTime
	} else if ev.status == alert.Firing {
		return ev, 0, false // its end is kept beside the event
	}
	if ev.labels = set.confirmed(fingerprint, len(labels)+fingerprintLen); ev.labels == nil {
		if _, valid := readFingerprint(fingerprint); !valid {
			return ev, 0, false
		}
		d.key = append(append(d.key[:0], labels...), fingerprint...)
	}
	if ev.labels = d.arrive(ev.labels, alert.KindLabelSet); ev.labels == nil {
		return ev, 0, false
	}
	ev.details = details.confirmed(nothing, len(annotations)+len(generator)+1)
	if ev.details == nil {
		d.key = append(append(append(d.key[:0], annotations...), generator...), absent)
	}
	ev.details = d.arrive(ev.details, alert.KindDetails)
	return ev, next, ev.details != nil
}

// fingerprintLen is the length of a fingerprint with its quotes.
const fingerprintLen = 18

// nothing is how the key of details ends that have no unknown fields.
var nothing = []byte{absent}

// guess is the entry that came behind another one the last time. While its
// parts are what the body has, where they end needs no search.
type guess struct {
	e     *entry // nil: no guess
	wrong bool
}

func (g *guess) from(last *entry, kind alert.EntryKind) {
	if last == nil {
		return
	}
	if e := last.follower.Load(); e != nil && e.kind == kind && !e.gone.Load() {
		g.e = e
	}
}

// first and second are the parts of the key that are compared one after the
// other; nil without a guess.
func (g *guess) first() []byte {
	if g.e == nil {
		return nil
	}
	return g.e.key[:g.e.first]
}

func (g *guess) second() []byte {
	if g.e == nil {
		return nil
	}
	return g.e.key[g.e.first : len(g.e.key)-1]
}

// value returns the value at i and the index behind the literal that follows
// it, -1 for a value that something else follows.
func (g *guess) value(body []byte, i int, expected []byte, literal string) (value []byte, next int) {
	if i < 0 {
		return nil, -1
	}
	if len(expected) > 0 && bytes.HasPrefix(body[i:], expected) {
		if next = behind(body, i+len(expected), literal); next >= 0 {
			return expected, next
		}
	}
	g.wrong = true
	end := skipValue(body, i)
	return body[i:end], behind(body, end, literal)
}

// confirmed returns the guess if all that was compared is equal, and so is the
// rest of the key.
func (g *guess) confirmed(rest []byte, keyLen int) *entry {
	if g.e == nil || g.wrong || len(g.e.key) != keyLen || !bytes.HasSuffix(g.e.key, rest) {
		return nil
	}
	return g.e
}

// arrive notes that e, or else the entry of d.key, is the next one of this body;
// nil when the table does not have it.
func (d *decoder) arrive(e *entry, kind alert.EntryKind) *entry {
	if e != nil {
		e.use()
		d.followed++
		d.last = e
		return e
	}
	if e, _ = d.table.find(kind, d.key); e != nil {
		d.table.precede(d.last, e)
		d.last = e
	}
	return e
}

// timeAt returns the string at i without its quotes, and the index behind the
// literal that follows it. It finds no escapes; the parser accepts none.
func timeAt(body []byte, i int, literal string) (value []byte, next int) {
	if i < 0 || i >= len(body) || body[i] != '"' {
		return nil, -1
	}
	i++
	n := bytes.IndexByte(body[i:min(len(body), i+longestTime+1)], '"')
	if n < 0 {
		return nil, -1
	}
	return body[i : i+n], behind(body, i+n+1, literal)
}

// longestTime is the length of 2006-01-02T15:04:05.999999999-07:00.
const longestTime = 35
