package alertmanager

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

const minTime = math.MinInt64

// mutedFor is how long an alert counts as muted after an event recorder said so,
// in microseconds. Alertmanager says it again at each flush, so at every
// group_interval, and nothing when it ends: two of the default.
const mutedFor = 2 * 5 * 60 * 1_000_000

// Suppression is why an alert is suppressed.
type Suppression struct {
	Silences   []string // their ids
	Inhibiting []uint64 // fingerprints
}

// Is reports whether there is a reason.
func (s *Suppression) Is() bool { return len(s.Silences)+len(s.Inhibiting) > 0 }

// append appends an alertStatus.
func (s *Suppression) append(dst []byte) []byte {
	dst = append(dst, `{"inhibitedBy":[`...)
	for i, fingerprint := range s.Inhibiting {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = alert.AppendFingerprint(append(dst, '"'), fingerprint)
		dst = append(dst, '"')
	}
	dst = append(dst, `],"mutedBy":[],"silencedBy":[`...)
	for i, id := range s.Silences {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = events.AppendString(dst, id)
	}
	if s.Is() {
		return append(dst, `],"state":"suppressed"}`...)
	}
	return append(dst, `],"state":"active"}`...)
}

// MutedQuery asks for the events that Muted is made of.
func (q *Query) MutedQuery() *alert.RecordedQuery {
	return &alert.RecordedQuery{From: q.Moment - mutedFor, To: q.Moment + 1, Kinds: []string{silenceMuted, inhibitionMuted, silenceUpdated}}
}

// Muted knows which alerts event recorders called muted. The zero value knows of none.
type Muted struct {
	moment int64
	alerts map[uint64][]mute
	ends   map[string]time.Time // of silences, by id, as the last event has it
}

// mute is one reason for one alert, as it was last given.
type mute struct {
	at         int64 // microseconds since 1970
	source     string
	silence    string
	inhibiting []uint64
}

// Muted returns one that knows nothing yet.
func (q *Query) Muted() *Muted {
	return &Muted{moment: q.Moment, alerts: make(map[uint64][]mute), ends: make(map[string]time.Time)}
}

// Add takes an event, of which newer ones come first.
func (m *Muted) Add(r *alert.StoredRecorded) {
	if r.Kind == silenceMuted && len(r.Fingerprints) == 1 && m.knows(r.Fingerprints[0], r.Source, r.Silence) {
		return // the same alert and silence, at an earlier flush
	}
	var e recorded
	if json.Unmarshal(r.Body, &e) != nil {
		return
	}
	said := e.Data[r.Kind]
	id := said.Silence.ID
	fingerprint, _ := strconv.ParseUint(said.MutedAlert.Fingerprint.String(), 10, 64) // of a silence that was updated: none
	if _, newer := m.ends[id]; !newer && id != "" {
		m.ends[id] = said.Silence.EndsAt
	}
	if r.Kind == silenceUpdated || m.knows(fingerprint, r.Source, id) || r.Kind == silenceMuted && id == "" {
		return
	}
	this := mute{at: r.At.Micros, source: r.Source, silence: id}
	for _, number := range said.Inhibiting {
		if v, err := strconv.ParseUint(number.String(), 10, 64); err == nil {
			this.inhibiting = append(this.inhibiting, v)
		}
	}
	m.alerts[fingerprint] = append(m.alerts[fingerprint], this)
}

func (m *Muted) knows(fingerprint uint64, source, silence string) bool {
	for _, known := range m.alerts[fingerprint] {
		if known.source == source && known.silence == silence {
			return true
		}
	}
	return false
}

// Of returns why an alert is suppressed at the moment. A silence counts up to its
// end. Once an Alertmanager has sent the alert again, it is not muted any more: what
// is muted is left out of notifications. What was posted came by no Alertmanager and
// says nothing of that.
func (m *Muted) Of(e *alert.Episode) (by Suppression) {
	for _, mute := range m.alerts[e.Labels.Fingerprint] {
		switch sent := e.LastReceivedAt; {
		case mute.source != "" && mute.source != e.Source,
			sent > mute.at && sent <= m.moment && e.Envelope.GroupKey != "":
		case mute.silence == "":
			by.Inhibiting = append(by.Inhibiting, mute.inhibiting...)
		case time.UnixMicro(m.moment).Before(m.ends[mute.silence]):
			by.Silences = append(by.Silences, mute.silence)
		}
	}
	return by
}
