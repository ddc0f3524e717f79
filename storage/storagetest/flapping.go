package storagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"stormdrain/internal/alert"
)

// Flapping makes deliveries of a few alerts that do all that folding has rules for:
// they repeat, resolve, come late and twice, begin anew without a resolve, move their
// beginning back, and go on after one. The same seed makes the same.
type Flapping struct {
	g      *Generator
	r      *rand.Rand
	begins [][]alert.Time // of each label set
}

// NewFlapping starts at a day in 2026.
func NewFlapping(seed uint64) *Flapping {
	g := NewGenerator(seed)
	g.sets = slices.Clip(g.sets[:7])
	return &Flapping{g: g, r: rand.New(rand.NewPCG(seed, 11)), begins: make([][]alert.Time, len(g.sets))}
}

// Delivery makes the next delivery of a journal.
func (f *Flapping) Delivery(seq uint64) Delivery {
	switch f.r.IntN(12) {
	case 0:
		f.g.now += f.r.Int64N(2 * alert.StaleAfter)
	case 1:
		f.g.now += alert.StaleAfter + f.r.Int64N(3) - 1
	case 2, 3, 4:
		f.g.now += f.r.Int64N(90e6)
	case 5:
	default:
		f.g.now += f.r.Int64N(100e3)
	}
	d := Delivery{
		Seq: seq, ReceivedAt: f.g.now, RequestID: fmt.Sprintf("flap-%d", seq), Source: pick(f.r, sources[:2]), TruncatedAlerts: uint64(f.r.IntN(3)),
		Envelope: alert.Envelope{Receiver: pick(f.r, receivers), GroupKey: "{}:{}", ExternalURL: pick(f.r, []string{"http://am1", "http://am2"})},
	}
	for i := range f.r.IntN(6) {
		d.Alerts = append(d.Alerts, f.alert(int32(i)))
	}
	return d
}

func (f *Flapping) alert(index int32) Alert {
	n := f.r.IntN(len(f.g.sets))
	a := Alert{
		Index: index, StartsAt: f.begin(n), EndsAt: alert.NoTime, Labels: f.g.sets[n],
		Details: alert.Details{Annotations: Pairs("summary", pick(f.r, values))},
	}
	if f.r.IntN(3) == 0 {
		a.Status = alert.Resolved
	}
	if a.Status == alert.Resolved && f.r.IntN(8) > 0 || f.r.IntN(20) == 0 {
		a.EndsAt = alert.Time{Micros: f.g.now - f.r.Int64N(60e6), Nanos: uint16(f.r.IntN(3))}
	}
	return a
}

// begin returns a beginning for a label set: one of the last mostly, a new one, or
// one a little before another.
func (f *Flapping) begin(n int) alert.Time {
	had := f.begins[n]
	switch k := f.r.IntN(10); {
	case len(had) == 0 || k == 0:
		had = append(had, alert.Time{Micros: f.g.now - f.r.Int64N(5e6), Nanos: uint16(f.r.IntN(1000))})
	case k == 1:
		t := pick(f.r, had)
		if t.Nanos > 0 && f.r.IntN(2) == 0 {
			t.Nanos--
		} else {
			t.Micros -= f.r.Int64N(30e6)
		}
		had = append(had, t)
	case k < 8:
		return had[len(had)-1]
	default:
		return pick(f.r, had)
	}
	f.begins[n] = had
	return had[len(had)-1]
}

// AllEpisodes asks for every episode.
func AllEpisodes() *alert.EpisodeQuery {
	return &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64}
}

// CompareEpisodes fails the test at the first episode that differs.
func CompareEpisodes(t *testing.T, got, want []*alert.Episode) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if g, w := plainEpisode(got[i]), plainEpisode(want[i]); !reflect.DeepEqual(g, w) {
			t.Fatalf("episode %d of %d is\n %+q\nwant\n %+q", i, len(want), fmt.Sprintf("%+v", g), fmt.Sprintf("%+v", w))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d episodes, want %d", len(got), len(want))
	}
}

// episode is an alert.Episode without pointers, for comparing.
type episode struct {
	episode alert.Episode
	rest    event
}

func plainEpisode(e *alert.Episode) episode {
	s := alert.Stored{Labels: e.Labels, Details: e.Details, Envelope: e.Envelope}
	if s.Details == nil { // bare
		s.Details = &alert.Details{}
	}
	if s.Envelope == nil {
		s.Envelope = &alert.Envelope{}
	}
	out := episode{episode: *e, rest: plain(&s)}
	out.episode.Labels, out.episode.Details, out.episode.Envelope = nil, nil, nil
	return out
}
