package alertmanager

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// The kinds of recorded events that tell of silences and of what they do.
const (
	silenceCreated  = "silenceCreated"
	silenceUpdated  = "silenceUpdated"
	silenceMuted    = "silenceMutedAlert"
	inhibitionMuted = "inhibitionMutedAlert"
)

// Silence is a silence as an event recorder told of it.
type Silence struct {
	ID          string            `json:"id"`
	Matchers    []Matcher         `json:"matchers"`
	MatcherSets []matcherSet      `json:"matcherSets"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	CreatedBy   string            `json:"createdBy"`
	Comment     string            `json:"comment"`
	Annotations map[string]string `json:"annotations"`
}

type matcherSet struct {
	Matchers []Matcher `json:"matchers"`
}

// Matcher is one of a silence.
type Matcher struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Pattern string `json:"pattern"`
}

func (m *Matcher) op() alert.MatchOp {
	switch m.Type {
	case "TYPE_NOT_EQUAL":
		return alert.MatchNotEqual
	case "TYPE_REGEXP":
		return alert.MatchRegexp
	case "TYPE_NOT_REGEXP":
		return alert.MatchNotRegexp
	}
	return alert.MatchEqual
}

// recorded is what of a recorded event is read here.
type recorded struct {
	Data map[string]struct {
		Silence    Silence `json:"silence"`
		MutedAlert struct {
			Fingerprint json.Number `json:"fingerprint"`
		} `json:"mutedAlert"`
		Inhibiting []json.Number `json:"inhibitingFingerprints"`
	} `json:"data"`
}

// readSilence reads the silence of an event. False: it has none.
func readSilence(r *alert.StoredRecorded) (*Silence, bool) {
	var e recorded
	if json.Unmarshal(r.Body, &e) != nil {
		return nil, false
	}
	s := e.Data[r.Kind].Silence
	if len(s.Matchers) == 0 && len(s.MatcherSets) > 0 {
		s.Matchers = s.MatcherSets[0].Matchers
	}
	return &s, s.ID != ""
}

// keptExpired is how long Alertmanager keeps a silence that has expired
// (data.retention); an older one is not shown.
const keptExpired = 120 * time.Hour

// SilencesQuery asks for the events that Silences are made of.
func (q *Query) SilencesQuery() *alert.RecordedQuery {
	return &alert.RecordedQuery{From: minTime, To: q.Moment + 1, Kinds: []string{silenceCreated, silenceUpdated, silenceMuted}}
}

// SilenceQuery asks for the last version of one silence.
func (q *Query) SilenceQuery(id string) *alert.RecordedQuery {
	r := q.SilencesQuery()
	r.Silence, r.Limit = &id, 1
	return r
}

// Silences collects silences, each in its last version.
type Silences struct {
	query *Query
	seen  map[string]bool
	all   []*Silence
}

// Silences returns an empty collection.
func (q *Query) Silences() *Silences { return &Silences{query: q, seen: make(map[string]bool)} }

// Add takes an event, of which newer ones come first.
func (s *Silences) Add(r *alert.StoredRecorded) {
	if r.Silence != "" && s.seen[r.Silence] {
		return
	}
	silence, ok := readSilence(r)
	if !ok || s.seen[silence.ID] {
		return
	}
	s.seen[silence.ID] = true
	if silence.EndsAt.Before(s.query.time().Add(-keptExpired)) || !s.query.wants(silence) {
		return
	}
	s.all = append(s.all, silence)
}

func (q *Query) time() time.Time { return time.UnixMicro(q.Moment).UTC() }

// wants reports whether a silence has each of the matchers that are asked for, as
// Alertmanager's filter of silences has it, and one of the creators.
func (q *Query) wants(s *Silence) bool {
	for _, want := range q.Matchers {
		if !slices.ContainsFunc(s.Matchers, func(m Matcher) bool {
			return m.Name == want.Name && m.op() == want.Op && m.Pattern == want.Value
		}) {
			return false
		}
	}
	return len(q.Creators) == 0 || slices.Contains(q.Creators, s.CreatedBy)
}

type state int

const (
	active state = iota
	pending
	expired
)

func (s state) String() string { return [...]string{"active", "pending", "expired"}[s] }

func (s *Silence) state(at time.Time) state {
	switch {
	case at.Before(s.StartsAt):
		return pending
	case at.Before(s.EndsAt):
		return active
	}
	return expired
}

// Append appends the list of silences in Alertmanager's order: what is active, the
// next to expire first; what is pending, the next to begin first; what has expired,
// the last one first.
func (s *Silences) Append(dst []byte) []byte {
	at := s.query.time()
	slices.SortStableFunc(s.all, func(a, b *Silence) int {
		state := a.state(at)
		if c := cmp.Compare(state, b.state(at)); c != 0 {
			return c
		}
		switch state {
		case active:
			return a.EndsAt.Compare(b.EndsAt)
		case pending:
			return a.StartsAt.Compare(b.StartsAt)
		}
		return b.EndsAt.Compare(a.EndsAt)
	})
	dst = append(dst, '[')
	for i, silence := range s.all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = silence.append(dst, at)
	}
	return append(dst, ']')
}

// One appends the first silence. False: there is none.
func (s *Silences) One(dst []byte) ([]byte, bool) {
	if len(s.all) == 0 {
		return dst, false
	}
	return s.all[0].append(dst, s.query.time()), true
}

// append appends a gettableSilence.
func (s *Silence) append(dst []byte, at time.Time) []byte {
	dst = append(dst, `{"id":`...)
	dst = events.AppendString(dst, s.ID)
	dst = append(dst, `,"status":{"state":"`...)
	dst = append(dst, s.state(at).String()...)
	dst = append(dst, `"},"updatedAt":`...)
	dst = events.AppendTime(dst, alert.FromTime(s.UpdatedAt))
	dst = events.AppendMember(dst, "comment", s.Comment)
	dst = events.AppendMember(dst, "createdBy", s.CreatedBy)
	dst = append(dst, `,"endsAt":`...)
	dst = events.AppendTime(dst, alert.FromTime(s.EndsAt))
	dst = append(dst, `,"matchers":[`...)
	for i := range s.Matchers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.Matchers[i].append(dst)
	}
	dst = append(dst, `],"startsAt":`...)
	dst = events.AppendTime(dst, alert.FromTime(s.StartsAt))
	return append(dst, '}')
}

func (m *Matcher) append(dst []byte) []byte {
	op := m.op()
	dst = append(dst, `{"isEqual":`...)
	dst = appendBool(dst, op == alert.MatchEqual || op == alert.MatchRegexp)
	dst = append(dst, `,"isRegex":`...)
	dst = appendBool(dst, op == alert.MatchRegexp || op == alert.MatchNotRegexp)
	dst = events.AppendMember(dst, "name", m.Name)
	dst = events.AppendMember(dst, "value", m.Pattern)
	return append(dst, '}')
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}
