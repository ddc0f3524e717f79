package alertmanager

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// Groups puts alerts together as the notification had them that they came with
// last: by source, receiver, group key and group labels. It holds what it writes
// while that is little; otherwise only what each group will take, so that the alerts
// can be read again, some groups at a time.
type Groups struct {
	most   int // bytes of alerts to hold
	byKey  map[string]*group
	held   int
	spills bool
}

type group struct {
	key      string
	labels   []alert.Pair
	receiver string
	size     int // bytes of all its alerts
	alerts   []byte
	wanted   bool // in this turn
}

// NewGroups returns an empty collection that holds most bytes of alerts.
func NewGroups(most int) *Groups { return &Groups{most: most, byKey: make(map[string]*group)} }

// groupKey begins each part with its length, so that two groups never share one.
func groupKey(e *alert.Episode) string {
	key := appendPart(nil, e.Source)
	key = appendPart(key, e.Envelope.Receiver)
	key = appendPart(key, e.Envelope.GroupKey)
	for _, p := range e.Envelope.GroupLabels {
		key = appendPart(appendPart(key, p.Name), p.Value)
	}
	return string(key)
}

func appendPart(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Add takes an alert and what it looks like, which is lent.
func (g *Groups) Add(e *alert.Episode, written []byte) {
	key := groupKey(e)
	this := g.byKey[key]
	if this == nil {
		this = &group{key: key, labels: e.Envelope.GroupLabels, receiver: e.Envelope.Receiver}
		g.byKey[key] = this
	}
	this.size += len(written) + 1
	g.held += len(written) + 1
	if g.held > g.most && !g.spills {
		g.spills = true
		for _, other := range g.byKey {
			other.alerts = nil
		}
	}
	if !g.spills {
		this.alerts = appendElement(this.alerts, written)
	}
}

func appendElement(dst, element []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	return append(dst, element...)
}

// Write writes the list of groups, by their labels and their receivers. again reads
// the alerts once more and calls add for each, as often as needed. flush takes what
// is in the buffer and returns it to be used again.
func (g *Groups) Write(dst []byte, again func(add func(*alert.Episode, []byte) error) error, flush func([]byte) ([]byte, error)) ([]byte, error) {
	rest := make([]*group, 0, len(g.byKey))
	for _, this := range g.byKey {
		rest = append(rest, this)
	}
	slices.SortFunc(rest, func(a, b *group) int {
		return cmp.Or(slices.CompareFunc(a.labels, b.labels, func(a, b alert.Pair) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
		}), strings.Compare(a.receiver, b.receiver), strings.Compare(a.key, b.key))
	})
	dst = append(dst, '[')
	for first := true; len(rest) > 0; {
		turn := rest[:1]
		for size := turn[0].size; len(turn) < len(rest) && size+rest[len(turn)].size <= g.most; turn = rest[:len(turn)+1] {
			size += rest[len(turn)].size
		}
		rest = rest[len(turn):]
		var err error
		if dst, err = g.writeTurn(dst, turn, &first, again, flush); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// writeTurn writes some groups. One that is too large to be held comes alone, and is
// written as its alerts are read.
func (g *Groups) writeTurn(dst []byte, turn []*group, first *bool, again func(func(*alert.Episode, []byte) error) error, flush func([]byte) ([]byte, error)) (_ []byte, err error) {
	alone := len(turn) == 1 && g.spills
	if alone {
		dst = turn[0].begin(dst, first)
	}
	if g.spills {
		for _, this := range turn {
			this.wanted = true
		}
		n := 0
		err = again(func(e *alert.Episode, written []byte) error {
			this := g.byKey[groupKey(e)]
			switch {
			case this == nil || !this.wanted:
			case !alone:
				this.alerts = appendElement(this.alerts, written)
			default:
				if n++; n > 1 {
					dst = append(dst, ',')
				}
				dst = append(dst, written...)
				dst, err = flush(dst)
				return err
			}
			return nil
		})
		if err != nil {
			return dst, err
		}
	}
	for _, this := range turn {
		this.wanted = false
		if !alone {
			dst = append(this.begin(dst, first), this.alerts...)
		}
		this.alerts = nil
		dst = append(dst, "]}"...)
		if dst, err = flush(dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// begin appends an alertGroup up to its alerts.
func (g *group) begin(dst []byte, first *bool) []byte {
	if !*first {
		dst = append(dst, ',')
	}
	*first = false
	dst = append(dst, `{"labels":`...)
	dst = events.AppendPairs(dst, g.labels)
	dst = append(dst, `,"receiver":`...)
	dst = appendReceiver(dst, g.receiver)
	return append(dst, `,"alerts":[`...)
}

// Held reports whether every alert that was added is held, so that none need be
// read again.
func (g *Groups) Held() bool { return !g.spills }
