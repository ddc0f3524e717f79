package runs

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// pair says that a label set has a key.
type pair struct {
	key    Key
	number int64
}

// model is an index that is a list, which every other one must be like.
type model []pair

func (m *model) add(number int64, keys ...Key) {
	*m = append(*m, pair{All, number})
	for _, k := range keys {
		*m = append(*m, pair{k, number})
	}
}

func (m model) sorted() []pair {
	s := slices.Clone(m)
	slices.SortFunc(s, comparePairs)
	return slices.Compact(s)
}

func comparePairs(a, b pair) int {
	return Entry{a.key, a.number, a.number}.Compare(Entry{b.key, b.number, b.number})
}

// pairsOf reads pages of a run and checks what they promise.
func pairsOf(t *testing.T, pages *Pages, from, to int, base int64, limit int) (pairs []pair) {
	t.Helper()
	var before *Entry
	for i := from; i < to; i++ {
		p := pages.At(i)
		if len(p.Packed) > limit {
			t.Errorf("page %d has %d bytes, want at most %d", i, len(p.Packed), limit)
		}
		c, first := NewCursor(p, base), true
		for e, ok := c.Next(); ok; e, ok = c.Next() {
			if first && (e.Key != p.Key || e.First != p.Number) {
				t.Errorf("page %d begins with %+v, not with (%d, %d)", i, e, p.Key, p.Number)
			}
			if before != nil && (before.Compare(e) >= 0 || !first && before.Key == e.Key && before.Last+1 >= e.First) {
				t.Errorf("page %d has %+v behind %+v", i, e, *before)
			}
			first, before = false, &e
			for n := e.First; n <= e.Last; n++ {
				pairs = append(pairs, pair{e.Key, n})
			}
		}
		if err := c.Err(); err != nil || first {
			t.Errorf("page %d: %v, empty: %t", i, err, first)
		}
	}
	return pairs
}

// pageSource gives the entries of a run.
type pageSource struct {
	pages    *Pages
	next, to int
	base     int64
	cursor   Cursor
}

func (s *pageSource) Next() (Entry, bool, error) {
	for {
		if e, ok := s.cursor.Next(); ok || s.next == s.to {
			return e, ok, s.cursor.Err()
		}
		s.cursor = NewCursor(s.pages.At(s.next), s.base)
		s.next++
	}
}

// keysFor gives a label set keys as real ones have: one that all have, some that many
// have, one of its own.
func keysFor(r *rand.Rand) (keys []Key) {
	keys = append(keys, 7)
	for i := range r.IntN(4) {
		keys = append(keys, Key(10+10*i+r.IntN(1+3*i)))
	}
	return append(keys, KeyOf(r.Uint64()), 1<<keyBits-1)
}

func TestBuildAndMerge(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		limit, sets := []int{0, 40, 64, 200}[seed%4], 1+r.IntN(400)
		b := Builder{PageBytes: limit, MaxPairs: 1 + r.IntN(2000)}
		if limit == 0 {
			limit = PageBytes
		}
		var all model
		number := int64(r.Uint64() >> 1 >> r.IntN(40))
		for range sets {
			keys := keysFor(r)
			b.Set(number)
			for _, k := range keys {
				b.Key(k)
			}
			all.add(number, keys...)
			if r.IntN(9) == 0 { // numbers of others are between
				number += int64(r.IntN(5000))
			}
			if number++; r.IntN(100) == 0 {
				number -= 100_000 // out of order: another run
			}
		}
		b.Finish()
		var built []pair
		var sources []Source
		base, kept := int64(1<<62), int64(0)
		for i, x := range b.Runs() {
			pairs := pairsOf(t, b.Pages(), x.From, x.To, x.First, limit)
			if pairs[0].number != x.First || pairs[x.Sets-1] != (pair{All, x.Last}) || x.Sets < int64(len(pairs)) && pairs[x.Sets].key == All {
				t.Errorf("seed %d, run %d: %+v begins with other label sets", seed, i, x.Run)
			}
			built = append(built, pairs...)
			sources = append(sources, &pageSource{pages: b.Pages(), next: x.From, to: x.To, base: x.First})
			base = min(base, x.First)
		}
		slices.SortFunc(built, comparePairs)
		built = slices.Compact(built) // numbers may have come twice
		if !slices.Equal(built, all.sorted()) {
			t.Fatalf("seed %d: what was built is not what was added", seed)
		}

		keep := func(n int64) bool { return seed%3 > 0 || n%3 > 0 }
		var pages Pages
		var p Packer
		p.Begin(&pages, limit, base)
		err := Merge(sources, func(e Entry) error {
			Thin(e, keep, p.Add)
			if kept++; kept%50 == 0 {
				p.Cut()
			}
			return nil
		})
		p.End()
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(all.sorted(), func(p pair) bool { return !keep(p.number) })
		if got := pairsOf(t, &pages, 0, pages.Len(), base, limit); !slices.Equal(got, want) {
			t.Fatalf("seed %d: what was merged is not what is kept", seed)
		}
	}
}

// TestPages says how much an entry takes: of a key that one label set has, and of one
// that all have.
func TestPages(t *testing.T) {
	t.Parallel()
	f := func(name string, bytes int, keys func(n int64) []Key) {
		t.Helper()
		const sets = 5000
		b := Builder{}
		for n := range int64(sets) {
			b.Set(n + 1)
			for _, k := range keys(n) {
				b.Key(k)
			}
		}
		b.Finish()
		if got := b.Pages().Bytes(); got > bytes {
			t.Errorf("%s: %d bytes, want at most %d", name, got, bytes)
		}
	}
	f("one key that all have", 40, func(int64) []Key { return []Key{KeyOf(1)} })
	f("a key of its own", 5000*7, func(n int64) []Key { return []Key{KeyOf(uint64(n) * 0xdeadbeefcafe)} })
	f("one of forty", 5000*5/4, func(n int64) []Key { return []Key{KeyOf(uint64(n % 40))} })
}

func TestSortPairs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var other []uint64
	for _, n := range []int{0, 1, fewPairs - 1, fewPairs, 5000} {
		pairs := make([]uint64, n)
		for i := range pairs {
			pairs[i] = r.Uint64()>>r.IntN(40)<<ordinalBits | uint64(i)
		}
		want := slices.Sorted(slices.Values(pairs))
		other = sortPairs(pairs, other)
		if !slices.Equal(pairs, want) {
			t.Errorf("%d pairs are not sorted", n)
		}
	}
}

// FuzzPages reads bytes as a page that no Packer made: its entries are in order, and
// end. And it builds runs of label sets that the bytes say, and compares with the model.
func FuzzPages(f *testing.F) {
	f.Add(int64(1), []byte{}, uint16(0))
	f.Add(int64(5), []byte{0, 2, 3, 1, 4, 5, 2, 6}, uint16(40))
	f.Add(int64(-142), []byte{5, 2, 16, 4, 0, 2}, uint16(4)) // a key twice, the second time with less
	f.Add(int64(1<<62), binary.AppendUvarint([]byte{1}, 1<<63), uint16(2000))
	f.Fuzz(func(t *testing.T, base int64, in []byte, limit uint16) {
		readAnything(t, base, in)
		buildAnything(t, in, max(int(limit%4096), leastLimit))
	})
}

func readAnything(t *testing.T, base int64, packed []byte) {
	c := NewCursor(Page{Key: 3, Packed: packed}, base)
	var before Entry
	n := 0
	for e, ok := c.Next(); ok; e, ok = c.Next() {
		if n++; n > 1 && (e.Key < before.Key || e.Key == before.Key && e.First < before.First) || e.Last < e.First || e.Key>>keyBits != 0 {
			t.Fatalf("%+v behind %+v", e, before)
		}
		before = e
	}
	if n > len(packed) {
		t.Fatalf("%d entries out of %d bytes", n, len(packed))
	}
	if _, ok := c.Next(); ok {
		t.Fatal("an entry behind the end")
	}
}

func buildAnything(t *testing.T, in []byte, limit int) {
	b := Builder{PageBytes: limit, MaxPairs: 16}
	var all model
	number := int64(1)
	for ; len(in) >= 4; in = in[4:] {
		number += int64(in[0]%4) + 1
		keys := []Key{Key(in[1]%8 + 1), Key(in[2]) + 1<<30, KeyOf(uint64(in[3]))}
		b.Set(number)
		for _, k := range keys {
			b.Key(k)
		}
		all.add(number, keys...)
	}
	b.Finish()
	var got []pair
	for _, x := range b.Runs() {
		got = append(got, pairsOf(t, b.Pages(), x.From, x.To, x.First, limit)...)
	}
	slices.SortFunc(got, comparePairs)
	if !slices.Equal(got, all.sorted()) {
		t.Fatal("what was built is not what was added")
	}
}

func BenchmarkBuild(b *testing.B) {
	const sets = 5000
	var builder Builder
	b.ReportAllocs()
	for b.Loop() {
		builder.Reset()
		for n := range uint64(sets) {
			builder.Set(int64(n) + 1)
			for k := range uint64(6) {
				builder.Key(KeyOf(k))
			}
			builder.Key(KeyOf(1000 + n%40))
			for k := range uint64(3) {
				builder.Key(KeyOf((n*3 + k) * 0xdeadbeefcafe))
			}
		}
		builder.Finish()
	}
	b.ReportMetric(float64(builder.Pages().Bytes())/sets, "B/set")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sets, "ns/set")
}
