package fold_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
	"stormdrain/storage/storagetest"
)

const someday = 1_790_000_000_000_000

// tables is what a store has: rows of episodes and sources, and the numbers of entries.
type tables struct {
	numbers map[alert.ID]int64
	entries []alert.Entry // by number, less 1
	rows    map[rowKey][]row
	sources map[string]*alert.Source
	minutes map[fold.Tally]fold.Tally // by minute and set
	last    int64
	begun   uint64 // that began with a resolve
}

type rowKey struct {
	source string
	set    int64
}

type row struct {
	fold.State
	had       []alert.Time
	receivers []string
}

func newTables() *tables {
	return &tables{numbers: map[alert.ID]int64{}, rows: map[rowKey][]row{}, sources: map[string]*alert.Source{}, minutes: map[fold.Tally]fold.Tally{}}
}

// number returns the numbers of a batch's entries.
func (db *tables) number(b *alert.Batch) (numbers []int64) {
	for _, e := range b.Entries {
		n, ok := db.numbers[e.ID()]
		if !ok {
			db.entries = append(db.entries, e)
			n = int64(len(db.entries))
			db.numbers[e.ID()] = n
		}
		numbers = append(numbers, n)
	}
	return numbers
}

func (db *tables) content(number int64) []byte {
	content, err := db.entries[number-1].Content()
	if err != nil {
		panic(err)
	}
	return content
}

func (db *tables) receiver(number int64) string {
	v, err := alert.DecodeEnvelope(db.content(number))
	if err != nil {
		panic(err)
	}
	return v.Receiver
}

// fold does what a store does with what is pending. It loads no more than it must.
func (db *tables) fold(p *fold.Pending) {
	sources := p.Sources()
	for i := range sources {
		s := sources[i].Onto(db.sources[sources[i].Name])
		db.sources[s.Name] = &s
	}
	for _, a := range p.Alerts() {
		key := rowKey{sources[a.Source].Name, a.Set}
		starts := p.Starts(nil, a)
		var states []fold.State
		for _, r := range db.rows[key] {
			had := func(t alert.Time) bool { return slices.Contains(r.had, t) }
			if r.Open() || slices.Contains(starts, r.StartsAt) || slices.ContainsFunc(starts, had) {
				r.State.Had = slices.DeleteFunc(slices.Clone(starts), func(t alert.Time) bool { return !had(t) })
				states = append(states, r.State)
			}
		}
		loaded := len(states)
		states = p.Fold(a, states)
		db.begun += fold.BegunResolved(states)
		for i, s := range states {
			db.write(key, s, i >= loaded)
		}
	}
	for _, m := range p.Minutes() {
		key := fold.Tally{Minute: m.Minute, Set: m.Set}
		sum := db.minutes[key]
		db.minutes[key] = fold.Tally{Firing: sum.Firing + m.Firing, Resolved: sum.Resolved + m.Resolved}
	}
	p.Reset()
}

// write writes what the change says, and no more.
func (db *tables) write(key rowKey, s fold.State, isNew bool) {
	rows := db.rows[key]
	at := slices.IndexFunc(rows, func(r row) bool { return r.Number == s.Number })
	if (at < 0) != isNew {
		panic(fmt.Sprintf("state %+v is new: %v", s, isNew))
	}
	if isNew {
		db.last++
		s.Number = db.last
		rows = append(rows, row{State: s})
		at = len(rows) - 1
	}
	r := &rows[at]
	switch s.Change {
	case fold.Changed:
		r.State = s
	case fold.Repeated:
		r.LastAt, r.Receipts, r.Details, r.Envelope = s.LastAt, s.Receipts, s.Details, s.Envelope
	}
	r.had = append(r.had, s.Moved...)
	for _, e := range s.Seen {
		if name := db.receiver(e); !slices.Contains(r.receivers, name) {
			r.receivers = append(r.receivers, name)
		}
	}
	slices.Sort(r.receivers)
	r.State.Change, r.State.Moved, r.State.Seen, r.State.Had, r.State.BegunResolved = fold.Same, nil, nil, nil, false
	db.rows[key] = rows
}

// episodes are the rows as episodes are read back, in the order of a query.
func (db *tables) episodes() (all []*alert.Episode) {
	for key, rows := range db.rows {
		set, err := alert.DecodeLabelSet(db.content(key.set))
		if err != nil {
			panic(err)
		}
		for _, r := range rows {
			details, err := alert.DecodeDetails(db.content(r.Details))
			if err != nil {
				panic(err)
			}
			envelope, err := alert.DecodeEnvelope(db.content(r.Envelope))
			if err != nil {
				panic(err)
			}
			all = append(all, &alert.Episode{
				Number: r.Number, Source: key.source, StartsAt: r.StartsAt, EndsAt: r.EndsAt, Status: r.Status, Superseded: r.Superseded,
				FirstReceivedAt: r.FirstAt, LastReceivedAt: r.LastAt, Receipts: r.Receipts, Unfired: r.Unfired, Receivers: r.receivers,
				Labels: &set, Details: &details, Envelope: &envelope,
			})
		}
	}
	slices.SortFunc(all, func(a, b *alert.Episode) int {
		return -(&rowOrder{a.Cursor(), b.Cursor()}).compare()
	})
	return all
}

type rowOrder struct{ a, b alert.EpisodeCursor }

func (o *rowOrder) compare() int {
	if o.a.StartsAt != o.b.StartsAt {
		return int(max(-1, min(1, o.a.StartsAt-o.b.StartsAt)))
	}
	return int(o.a.Number - o.b.Number)
}

// check compares the tables with the model.
func (db *tables) check(t *testing.T, model *storagetest.Folding) {
	t.Helper()
	got := db.episodes()
	open := map[rowKey]int{}
	for key, rows := range db.rows {
		for i := range rows {
			if rows[i].Open() {
				open[key]++
			}
		}
		if open[key] > 1 {
			t.Fatalf("%d open episodes of one alert", open[key])
		}
	}
	for _, e := range got {
		if !model.Number(e) {
			t.Fatalf("episode of %v from %v is not the model's", e.Labels.Labels, e.StartsAt)
		}
	}
	storagetest.CompareEpisodes(t, got, model.Episodes(storagetest.AllEpisodes()))
	var sources []alert.Source
	for _, s := range db.sources {
		sources = append(sources, *s)
	}
	slices.SortFunc(sources, func(a, b alert.Source) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) })
	if want := model.Sources(); !reflect.DeepEqual(sources, want) {
		t.Fatalf("sources are %+v, want %+v", sources, want)
	}
	var firing, resolved, wantFiring, wantResolved int64
	for _, m := range db.minutes {
		firing, resolved = firing+m.Firing, resolved+m.Resolved
	}
	for _, m := range model.Minutes(-1<<62, 1<<62) {
		wantFiring, wantResolved = wantFiring+m.Firing, wantResolved+m.Resolved
	}
	if want := model.BegunResolved(); db.begun != want {
		t.Fatalf("%d episodes have begun with a resolve, want %d", db.begun, want)
	}
	if firing != wantFiring || resolved != wantResolved {
		t.Fatalf("minutes count %d firing and %d resolved, want %d and %d", firing, resolved, wantFiring, wantResolved)
	}
}

var journal = alert.ID{1}

// Folded in batches of any size, with any part of it read again, the tables are what
// folding event by event makes.
func TestFoldingIsFoldingEachEvent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			g := storagetest.NewFlapping(seed)
			db, p, model := newTables(), fold.NewPending(40+r.IntN(400)), new(storagetest.Folding)
			var written []storagetest.Delivery
			folded, seq := uint64(0), uint64(0)
			for range 60 {
				var some []storagetest.Delivery
				for range 1 + r.IntN(6) {
					seq++
					some = append(some, g.Delivery(seq))
				}
				for i := range some {
					model.Add(&some[i])
				}
				b := storagetest.Batch(journal, some[0].Seq-1, some...)
				p.Add(b, db.number(b))
				written = append(written, some...)
				if r.IntN(8) == 0 {
					p.Begin(alert.ID{}, 0) // the process ended
				}
				if r.IntN(3) == 0 {
					folded = db.catchUp(p, written, folded, seq, 1+r.IntN(9))
					db.check(t, model)
				}
			}
			folded = db.catchUp(p, written, folded, seq, 1+r.IntN(9))
			db.check(t, model)
			if folded != seq {
				t.Errorf("folded up to %d of %d", folded, seq)
			}
		})
	}
}

// catchUp folds all there is, a few deliveries at a time where they are read again.
func (db *tables) catchUp(p *fold.Pending, written []storagetest.Delivery, folded, stored uint64, atOnce int) uint64 {
	again := fold.NewPending(fold.Limit)
	for {
		upTo := p.Behind(journal, folded, stored)
		if upTo == folded {
			break
		}
		upTo = min(upTo, folded+uint64(atOnce))
		b := storagetest.Batch(journal, folded, written[folded:upTo]...)
		again.Begin(journal, folded)
		again.Add(b, db.number(b))
		db.fold(again)
		folded = upTo
	}
	if p.From() == folded && p.Journal() == journal {
		folded = p.To()
		db.fold(p)
	}
	return folded
}
