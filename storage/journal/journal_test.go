package journal

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// text is a frame that says one thing, with a dictionary entry for its word.
type text struct {
	word, rest string
	seen       *dictionary
	seq        uint64
	at         int64
}

// dictionary remembers the numbers of words in one generation, as a pipeline does.
type dictionary struct {
	generation uint64
	numbers    map[string]uint32
}

func (d *dictionary) number(w *Writer, word string) uint32 {
	if g := w.Generation(); d.numbers == nil || d.generation != g {
		d.generation, d.numbers = g, map[string]uint32{}
	}
	n, ok := d.numbers[word]
	if !ok {
		n = w.Entry([]byte(word))
		d.numbers[word] = n
	}
	return n
}

func (t *text) Encode(w *Writer) {
	n := t.seen.number(w, t.word)
	t.seq, t.at = w.Seq(), w.ReceivedAt()
	w.EndFrame(fmt.Appendf(w.BeginFrame(), "%d:%s", n, t.rest))
}

func mustOpen(t testing.TB, cfg Config) *Journal {
	t.Helper()
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, j) })
	return j
}

func mustClose(t testing.TB, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := j.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func testConfig(t testing.TB) Config {
	cfg := DefaultConfig()
	cfg.Dir = t.TempDir()
	return cfg
}

// readAll returns every frame that is durable, spelled out.
func readAll(t testing.TB, j *Journal, after uint64) []string {
	t.Helper()
	r, err := j.Reader(after)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	words := map[string]string{}
	for {
		rec, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		switch rec.Kind {
		case KindEntry:
			words[fmt.Sprint(rec.Segment, rec.Number)] = string(rec.Payload)
			again, err := j.ReadEntry(rec.Segment, rec.Offset)
			if err != nil || string(again) != string(rec.Payload) {
				t.Fatalf("entry read again: %q, %v", again, err)
			}
		case KindFrame:
			var n uint32
			var rest string
			if _, err := fmt.Sscanf(string(rec.Payload), "%d:%s", &n, &rest); err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%d %s %s", rec.Seq, words[fmt.Sprint(rec.Segment, n)], rest))
		default:
			out = append(out, fmt.Sprintf("lost %s %d-%d", rec.Reason, rec.From, rec.To))
		}
	}
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	cfg := testConfig(t)
	cfg.SegmentBytes = 1000 // several segments
	j := mustOpen(t, cfg)
	var want []string
	seen := &dictionary{}
	for i := range 100 {
		f := &text{word: fmt.Sprint("w", i%3), rest: fmt.Sprint("r", i), seen: seen}
		seq, err := j.Append(f, i%2 == 0 || i == 99)
		if err != nil || seq != uint64(i+1) || f.seq != seq {
			t.Fatal(seq, err)
		}
		want = append(want, fmt.Sprintf("%d %s %s", seq, f.word, f.rest))
	}
	if got := readAll(t, j, 0); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v\nwant %v", got, want)
	}
	if got := readAll(t, j, 57); fmt.Sprint(got) != fmt.Sprint(want[57:]) {
		t.Fatalf("after 57: %v", got)
	}
	id := j.ID()
	mustClose(t, j)

	j = mustOpen(t, cfg)
	if j.ID() != id || j.LastAtOpen() != 100 {
		t.Fatal("identity or position changed", j.LastAtOpen())
	}
	if _, err := j.Append(&text{word: "w", rest: "new", seen: &dictionary{}}, true); err != nil {
		t.Fatal(err)
	}
	want = append(want, "101 w new")
	if got := readAll(t, j, 0); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("after reopening: got %v\nwant %v", got, want)
	}
}
