package pipeline

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"

	"stormdrain/internal/alert"
)

// postedAlert is one element of the array that Prometheus and its kin post to an
// Alertmanager. All but extra is the JSON of the body, which is lent.
type postedAlert struct {
	labels, annotations []byte
	startsAt, endsAt    []byte
	generatorURL        []byte
	extra               []byte // members that have no field here, without the braces
	whole               []byte
	valid               bool // what is above is known to be JSON
}

func (p *postedAlert) field(name []byte) *[]byte {
	switch string(name) {
	case "labels":
		return &p.labels
	case "annotations":
		return &p.annotations
	case "startsAt":
		return &p.startsAt
	case "endsAt":
		return &p.endsAt
	case "generatorURL":
		return &p.generatorURL
	}
	return nil
}

// at says what a posted alert is when it is received: resolved when its end is
// past, as Alertmanager has it. An end to come is when the sender would have the
// alert taken for resolved if nothing more is heard of it. It is another one in every
// body and says nothing of what happened, so it is not kept.
//
// This is decided for each frame and not for each body, since a body that comes
// again and is in the cache may come when its end has passed.
func (ev decodedEvent) at(receivedAt int64) decodedEvent {
	if !ev.endsAt.IsNone() && ev.endsAt.Micros <= receivedAt {
		ev.status = alert.Resolved
	} else {
		ev.endsAt = alert.NoTime
	}
	if ev.startsAt.IsNone() {
		// Nothing ends before it begins: one that is over began, for all that is
		// known, when it ended. Alertmanager does the same.
		ev.startsAt = ev.endsAt
		if ev.status == alert.Firing {
			ev.startsAt = alert.Time{Micros: receivedAt}
		}
	}
	return ev
}

// decodePosted decodes an array of alerts. Its envelope is empty.
//
// There are two ways, as for the webhook. In the first one an element is read
// member by member, and only what the table does not hold byte for byte is
// checked to be JSON; everything else is compared with a literal or read by a
// parser that accepts nothing else. What is not as expected is left to the second
// one, which checks the whole body first and keeps the raw form of what must be
// rejected.
func (d *decoder) decodePosted(body []byte) (*decoded, error) {
	if !d.noKnownWay && d.postedAsKnown(body) {
		return &d.out, nil
	}
	d.reset()
	if !stdjson.Valid(body) {
		return nil, syntaxError(body, "a JSON array of alerts")
	}
	if body[0] != '[' {
		return nil, shapeError("the body is %s; expected the array of alerts that Prometheus sends to an Alertmanager; "+
			"Alertmanager's own webhook_configs send to /webhook", describe(body))
	}
	if err := d.beginPosted(); err != nil {
		return nil, err
	}
	for element := range elements(body) {
		d.addPosted(element)
	}
	if n := d.out.elements; d.tooMany(n) {
		return nil, tooManyPosted(n, d.maxAlerts)
	}
	return &d.out, nil
}

func (d *decoder) tooMany(n int) bool { return d.maxAlerts > 0 && n > d.maxAlerts }

func tooManyPosted(n, limit int) error {
	return &alert.RefusedError{
		Reason: "too_many_alerts", TooLarge: true,
		Detail: fmt.Sprintf("%d alerts, webhook.max_alerts_per_request is %d; have the sender post fewer at a time, or raise the limit here", n, limit),
	}
}

func (d *decoder) beginPosted() (err error) {
	d.out.posted = true
	d.out.envelope, err = d.internEnvelope() // of a message that has nothing
	return err
}

// addPosted adds an element of a valid body, to the events or to the rejected.
func (d *decoder) addPosted(element []byte) {
	index := int32(d.out.elements)
	d.out.elements++
	p := d.walkPosted(element)
	ev, reason, err := d.postedEvent(&p)
	if err != nil {
		d.out.rejected = append(d.out.rejected, rejectedAlert{
			index: index, reason: reason, detail: err.Error(), raw: bytes.Clone(element)})
		return
	}
	ev.index = index
	d.out.events = append(d.out.events, ev)
}

// walkPosted takes an element of a valid body apart. Names are compared as
// encoding/json does, without case; the last of several wins.
func (d *decoder) walkPosted(element []byte) postedAlert {
	p := postedAlert{whole: element, valid: true}
	if element[0] != '{' {
		return p
	}
	d.text = d.text[:0]
	var scratch []byte
	for name, value := range members(element) {
		scratch = appendUnquoted(scratch[:0], name)
		field := p.field(scratch)
		if field == nil {
			for _, known := range []string{"labels", "annotations", "startsAt", "endsAt", "generatorURL"} {
				if strings.EqualFold(known, string(scratch)) {
					field = p.field([]byte(known))
				}
			}
		}
		if field == nil {
			d.text = appendMember(d.text, name, value)
			continue
		}
		*field = value
	}
	p.extra = d.text
	return p
}

// postedAsKnown decodes into d.out, which must be reset. False: it is to be
// decoded in the other way, after another reset.
func (d *decoder) postedAsKnown(body []byte) bool {
	if len(body) < 2 || body[0] != '[' || d.beginPosted() != nil {
		return false
	}
	i := skipSpace(body, 1)
	if i == len(body)-1 && body[i] == ']' {
		return true
	}
	for {
		var p postedAlert
		next := p.read(body, i)
		if next < 0 {
			return false
		}
		ev, _, err := d.postedEvent(&p)
		if err != nil {
			return false
		}
		ev.index = int32(d.out.elements)
		d.out.elements++
		d.out.events = append(d.out.events, ev)
		if d.tooMany(d.out.elements) {
			return false
		}
		if i = skipSpace(body, next); i >= len(body) {
			return false
		}
		if body[i] == ']' {
			return i == len(body)-1
		}
		if body[i] != ',' {
			return false
		}
		i = skipSpace(body, i+1)
	}
}

// read takes the element at i apart, whose members must be known ones, each once,
// and returns the index behind it, -1 for anything else. What a value is made of
// it does not look at.
func (p *postedAlert) read(body []byte, i int) int {
	if i >= len(body) || body[i] != '{' {
		return -1
	}
	for {
		i = skipSpace(body, i+1)
		if i >= len(body) || body[i] != '"' {
			return -1
		}
		end := skipString(body, i)
		if end-i < 2 {
			return -1
		}
		field := p.field(body[i+1 : end-1])
		if field == nil || *field != nil {
			return -1
		}
		if i = skipSpace(body, end); i >= len(body) || body[i] != ':' {
			return -1
		}
		if i = skipSpace(body, i+1); i >= len(body) {
			return -1
		}
		end = skipValue(body, i)
		if *field = body[i:end]; end-i < 2 {
			return -1
		}
		if i = skipSpace(body, end); i >= len(body) {
			return -1
		}
		if body[i] == '}' {
			return i + 1
		}
		if body[i] != ',' {
			return -1
		}
	}
}

var (
	errNotJSON  = errors.New("not JSON")
	errNoLabels = errors.New("the alert has no label with a value")
)

// postedEvent interns one alert. The reason goes with an error.
func (d *decoder) postedEvent(p *postedAlert) (ev decodedEvent, reason string, err error) {
	if p.whole != nil && p.whole[0] != '{' {
		return ev, "type", &typeError{"the alert", describe(p.whole)}
	}
	if ev.startsAt, reason, err = p.time("startsAt", p.startsAt); err != nil {
		return ev, reason, err
	}
	if ev.endsAt, reason, err = p.time("endsAt", p.endsAt); err != nil {
		return ev, reason, err
	}
	if ev.labels, reason, err = d.postedLabels(p); err != nil {
		return ev, reason, err
	}
	d.key = appendPart(d.key[:0], p.annotations)
	d.first = len(d.key)
	d.key = appendExtraPart(appendPart(d.key, p.generatorURL), p.extra)
	if ev.details, err = d.internPosted(p, alert.KindDetails, p.annotations, p.generatorURL); err != nil {
		return ev, "type", err
	}
	return ev, "", nil
}

// time reads a time. The zero time is none: that is what Go writes for one that is
// not set.
func (p *postedAlert) time(place string, raw []byte) (alert.Time, string, error) {
	if !p.valid && len(raw) > 0 && raw[0] != '"' {
		return alert.NoTime, "type", errNotJSON // for all that is known
	}
	t, reason, err := readTime(place, raw)
	if t == zeroTime {
		t = alert.NoTime
	}
	return t, reason, err
}

func (d *decoder) postedLabels(p *postedAlert) (*entry, string, error) {
	labels, err := p.labelsWithValues(&d.canon)
	if err != nil {
		return nil, "type", err
	}
	if labels == nil {
		return nil, "labels", errNoLabels
	}
	d.key = append(d.key[:0], labels...)
	d.first = len(d.key)
	d.key = append(d.key, absent)
	e, err := d.internPosted(p, alert.KindLabelSet, labels, nil)
	return e, "type", err
}

// labelsWithValues leaves out the labels whose value is empty, as Alertmanager
// does: for its matchers they are the same as none. It returns nil when none is
// left. An empty string is two quotes, so hardly any set is looked at twice.
func (p *postedAlert) labelsWithValues(c *canonicalizer) ([]byte, error) {
	labels := p.labels
	if len(labels) == 0 || string(labels) == "null" {
		return nil, nil
	}
	if labels[0] != '{' {
		return nil, &typeError{"labels", describe(labels)}
	}
	if !bytes.Contains(labels, []byte(`""`)) && !bytes.Contains(labels, []byte("null")) {
		if i := skipSpace(labels, 1); i < len(labels) && labels[i] == '}' {
			return nil, nil
		}
		return labels, nil
	}
	if !p.valid && !stdjson.Valid(labels) {
		return nil, errNotJSON
	}
	c.text = c.text[:0]
	pairs, err := c.readPairs("labels", labels)
	if err != nil {
		return nil, err
	}
	kept := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if pair.Value != "" {
			kept[pair.Name] = pair.Value
		}
	}
	if len(kept) == len(pairs) {
		return labels, nil
	}
	if len(kept) == 0 {
		return nil, nil
	}
	return stdjson.Marshal(kept)
}

// internPosted finds the entry of d.key, or works it out once it is sure that the
// values that it is made of are JSON. The first is an object, the second a string.
func (d *decoder) internPosted(p *postedAlert, kind alert.EntryKind, object, text []byte) (*entry, error) {
	if !p.valid && (len(object) > 0 && object[0] != '{' || len(text) > 0 && text[0] != '"') {
		return nil, errNotJSON // for all that is known; a bare word might look like an absent part of the key
	}
	if e := d.arrive(d.table.follow(d.last, kind, d.key), kind); e != nil {
		return e, nil
	}
	if !p.valid && (len(object) > 0 && !stdjson.Valid(object) || len(text) > 0 && !stdjson.Valid(text)) {
		return nil, errNotJSON
	}
	return d.intern(kind)
}
