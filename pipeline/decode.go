package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"stormdrain/internal/alert"
)

// decoded is a body in the form that goes into a frame. It refers to nothing
// but interned entries and memory of its own.
type decoded struct {
	envelope  *entry
	truncated uint64
	elements  int // of the array that was sent: events and rejected together
	events    []decodedEvent
	rejected  []rejectedAlert
	posted    bool // status and times of the events follow when it is received, see decodedEvent.at
}

type decodedEvent struct {
	labels, details *entry
	startsAt        alert.Time
	endsAt          alert.Time
	index           int32
	status          alert.Status
}

// rejectedAlert is an element that cannot be stored as it is; its neighbours can.
type rejectedAlert struct {
	index  int32
	reason string // of the metric stormdrain_alerts_quarantined_total
	detail string
	raw    []byte
	whole  int // index is -1: how many elements the frame holds that this is all of
}

// elements is how many alerts, or events of a recorder, were lost with it.
func (r *rejectedAlert) elements() int {
	if r.index < 0 && r.reason == "damaged" {
		return r.whole
	}
	return 1
}

func (d *decoded) reset() {
	clear(d.events)
	clear(d.rejected)
	*d = decoded{events: d.events[:0], rejected: d.rejected[:0]}
}

// lasts reports whether d may be used for another request.
func (d *decoded) lasts() bool {
	for i := range d.events {
		if d.events[i].labels.key == nil || d.events[i].details.key == nil {
			return false
		}
	}
	return d.envelope.key != nil
}

// clone returns a copy that the next reset leaves alone.
func (d *decoded) clone() *decoded {
	c := *d
	c.events = slices.Clone(d.events)
	c.rejected = slices.Clone(d.rejected)
	return &c
}

// decoder turns bodies into decoded ones. Its buffers are used again; one
// request has it at a time.
type decoder struct {
	table     *internTable
	maxAlerts int // 0: no limit

	wire  wireMessage
	one   wireAlert // see knownWay
	text  []byte
	canon canonicalizer
	key   []byte
	first int // length of the first part of key
	out   decoded

	// fresh are the entries that this body brought, in the order of their first
	// use, with their canonical encodings in arena, so that the frame need not
	// work them out again.
	fresh []freshEntry
	arena []byte

	noKnownWay bool // for tests

	last     *entry // that was interned, of this body
	followed uint64 // entries of this body that the one before led to
}

type freshEntry struct {
	e          *entry
	start, end int // in arena
}

// decode reads the body, which is lent. The result is d's, until the next call.
// The only error is *alert.RefusedError.
func (d *decoder) decode(kind alert.Kind, body []byte) (*decoded, error) {
	d.reset()
	body = trimSpace(body)
	if kind == alert.Posted {
		return d.decodePosted(body)
	}
	if !d.noKnownWay && d.knownWay(body) {
		return &d.out, nil
	}
	d.reset()
	if err := d.wire.decode(body); err != nil {
		return nil, err
	}
	if n := len(d.wire.Alerts); d.maxAlerts > 0 && n > d.maxAlerts {
		return nil, &alert.RefusedError{
			Reason: "too_many_alerts", TooLarge: true,
			Detail: fmt.Sprintf("%d alerts, webhook.max_alerts_per_request is %d; set max_alerts in Alertmanager's webhook_configs, or raise the limit here", n, d.maxAlerts),
		}
	}
	if d.events() {
		return &d.out, nil
	}
	// Something must be rejected, and for that its raw form is wanted, which
	// only the careful way keeps.
	d.reset()
	if err := d.wire.walk(body); err != nil {
		return nil, err
	}
	d.events()
	return &d.out, nil
}

func (d *decoder) reset() {
	d.wire.reset()
	d.out.reset()
	clear(d.fresh)
	d.fresh = d.fresh[:0]
	d.arena = d.arena[:0]
	d.last = nil
	if d.followed > 0 {
		d.table.followed.Add(d.followed)
		d.followed = 0
	}
}

// events fills d.out. It returns false when an alert must be rejected whose raw
// form the quick way has not kept.
func (d *decoder) events() bool {
	m := &d.wire
	d.out.elements = len(m.Alerts)
	d.out.envelope, d.out.truncated = d.envelope()
	for i := range m.Alerts {
		a := &m.Alerts[i]
		ev, reason, err := d.event(a)
		if err != nil {
			if a.whole == nil {
				return false
			}
			d.out.rejected = append(d.out.rejected, rejectedAlert{
				index: int32(i), reason: reason, detail: err.Error(), raw: bytes.Clone(a.whole)})
			continue
		}
		ev.index = int32(i)
		d.out.events = append(d.out.events, ev)
	}
	return true
}

// event interns one alert. The reason goes with an error.
func (d *decoder) event(a *wireAlert) (ev decodedEvent, reason string, err error) {
	if a.whole != nil && a.whole[0] != '{' {
		return ev, "type", &typeError{"the alert", describe(a.whole)}
	}
	if ev.startsAt, reason, err = readTime("startsAt", a.StartsAt); err != nil {
		return ev, reason, err
	}
	if ev.endsAt, reason, err = readTime("endsAt", a.EndsAt); err != nil {
		return ev, reason, err
	}
	if ev.status, reason, err = readStatus(a.Status, d.wire.Status, ev.endsAt); err != nil {
		return ev, reason, err
	}
	// An alert that fires has no end yet: Alertmanager sends the zero time. What
	// another sender may expect of the future is kept beside the event.
	if ev.endsAt == zeroTime {
		ev.endsAt = alert.NoTime
	} else if ev.status == alert.Firing && !ev.endsAt.IsNone() {
		a.extra = appendMember(a.extra, []byte(`"endsAt"`), a.EndsAt)
		ev.endsAt = alert.NoTime
	}
	if ev.startsAt.IsNone() {
		ev.startsAt = zeroTime
	}

	d.key = appendPart(d.key[:0], a.Labels)
	d.first = len(d.key)
	d.key = appendFingerprintPart(d.key, a.Fingerprint)
	if ev.labels, err = d.intern(alert.KindLabelSet); err != nil {
		return ev, "type", err
	}
	d.key = appendPart(d.key[:0], a.Annotations)
	d.first = len(d.key)
	d.key = appendExtraPart(appendPart(d.key, a.GeneratorURL), a.extra)
	if ev.details, err = d.intern(alert.KindDetails); err != nil {
		return ev, "type", err
	}
	return ev, "", nil
}

// envelope interns what belongs to the whole message. A member of the wrong
// type spoils nothing: it is kept among the fields that we do not know.
func (d *decoder) envelope() (*entry, uint64) {
	m := &d.wire
	var truncated uint64
	if len(m.TruncatedAlerts) > 0 {
		n, err := strconv.ParseUint(string(m.TruncatedAlerts), 10, 63)
		if err != nil && string(m.TruncatedAlerts) != "null" {
			m.extra = appendMember(m.extra, []byte(`"truncatedAlerts"`), m.TruncatedAlerts)
		}
		truncated = n
	}
	if len(m.NotificationReason) > 0 {
		m.extra = appendMember(m.extra, []byte(`"notification_reason"`), m.NotificationReason)
	}
	if len(m.RouteLabels) > 0 {
		m.extra = appendMember(m.extra, []byte(`"routeLabels"`), m.RouteLabels)
	}
	e, err := d.internEnvelope()
	if err == nil {
		return e, truncated
	}
	for _, f := range []wireField{{"receiver", &m.Receiver}, {"groupKey", &m.GroupKey}, {"externalURL", &m.ExternalURL}} {
		if v := *f.value; len(v) > 0 && v[0] != '"' && v[0] != 'n' {
			m.extra = appendMember(m.extra, []byte(strconv.Quote(f.name)), v)
			*f.value = v[:0]
		}
	}
	if _, err := d.canon.readPairs("groupLabels", orNil(m.GroupLabels)); err != nil {
		m.extra = appendMember(m.extra, []byte(`"groupLabels"`), m.GroupLabels)
		m.GroupLabels = m.GroupLabels[:0]
	}
	if e, err = d.internEnvelope(); err != nil {
		// What is left is an unknown field nested beyond all sense.
		m.extra = append(m.extra[:0], `"stormdrain":"fields left out, nested too deeply"`...)
		if e, err = d.internEnvelope(); err != nil {
			panic("BUG: envelope: " + err.Error())
		}
	}
	return e, truncated
}

func orNil(raw []byte) []byte {
	if len(raw) == 0 || raw[0] == 'n' {
		return nil
	}
	return raw
}

func (d *decoder) internEnvelope() (*entry, error) {
	m := &d.wire
	key := appendPart(d.key[:0], m.Receiver)
	d.first = len(key)
	key = appendPart(key, m.GroupKey)
	key = appendPart(key, m.GroupLabels)
	key = appendPart(key, m.ExternalURL)
	d.key = appendExtraPart(key, m.extra)
	return d.intern(alert.KindEnvelope)
}

// intern finds the entry of d.key, or works it out.
func (d *decoder) intern(kind alert.EntryKind) (*entry, error) {
	if e := d.table.follow(d.last, kind, d.key); e != nil {
		d.last = e
		d.followed++
		return e, nil
	}
	e, err := d.lookUp(kind)
	if err == nil {
		d.table.precede(d.last, e)
		d.last = e
	}
	return e, err
}

func (d *decoder) lookUp(kind alert.EntryKind) (*entry, error) {
	e, hash := d.table.find(kind, d.key)
	if e != nil {
		return e, nil
	}
	start := len(d.arena)
	arena, err := d.canon.canonical(d.arena, kind, d.key)
	if err != nil {
		return nil, err
	}
	d.arena = arena
	e = d.table.add(kind, hash, d.key, d.first, alert.Identity(kind, arena[start:]))
	d.fresh = append(d.fresh, freshEntry{e, start, len(arena)})
	return e, nil
}

// zeroTime is what Go writes for a time that is not set.
var zeroTime = alert.FromTime(time.Time{})

// readTime reads a time, NoTime for nothing.
func readTime(place string, raw []byte) (alert.Time, string, error) {
	if len(raw) == 0 || raw[0] == 'n' || len(raw) == 2 && raw[0] == '"' {
		return alert.NoTime, "", nil
	}
	if raw[0] != '"' {
		return alert.NoTime, "type", &typeError{place, describe(raw)}
	}
	t, err := parseTime(raw[1 : len(raw)-1])
	if err != nil {
		return alert.NoTime, "time", fmt.Errorf("%s is %.60s: %w", place, raw, err)
	}
	return t, "", nil
}

// readStatus reads a status. One that is missing is the message's, which is
// resolved only when all its alerts are; or it follows from the end, as it does
// in Alertmanager's own API.
func readStatus(raw, message []byte, endsAt alert.Time) (alert.Status, string, error) {
	switch string(raw) {
	case `"firing"`:
		return alert.Firing, "", nil
	case `"resolved"`:
		return alert.Resolved, "", nil
	case "", "null", `""`:
		if string(message) == `"resolved"` {
			return alert.Resolved, "", nil
		}
		if endsAt.IsNone() || endsAt == zeroTime {
			return alert.Firing, "", nil
		}
		return alert.Resolved, "", nil
	}
	if raw[0] != '"' {
		return 0, "type", &typeError{"status", describe(raw)}
	}
	if s, ok := alert.ParseStatus(string(appendUnquoted(nil, raw))); ok {
		return s, "", nil
	}
	return 0, "status", fmt.Errorf("status is %.60s; expected firing or resolved", raw)
}
