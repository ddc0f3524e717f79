package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stormdrain/storage/journal/crashfs"
)

const damageDir = "/data/journal"

// small is a journal of three segments with six frames each.
type small struct {
	names  []string
	bytes  [][]byte
	frames [][]recordAt
}

type recordAt struct {
	from, to int // offsets in its segment
	kind     Kind
	what     string // of a frame
	word     int    // of a frame: which entry it needs; of an entry: its number
}

func smallDisk(cfg *Config) *crashfs.FS {
	disk := crashfs.New(1)
	*cfg = DefaultConfig()
	cfg.Dir, cfg.FS = damageDir, disk
	return disk
}

func mustBuildSmall(t *testing.T) (s small) {
	t.Helper()
	var cfg Config
	disk := smallDisk(&cfg)
	for life := range 3 {
		j, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		seen := &dictionary{}
		for i := range 6 {
			if _, err := j.Append(&text{word: fmt.Sprint("w", i%2), rest: fmt.Sprintf("l%d-%d", life, i), seen: seen}, true); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, j)
	}
	for _, name := range disk.Files(damageDir) {
		if strings.HasSuffix(name, suffix) {
			b := disk.Bytes(name)
			s.names, s.bytes = append(s.names, name), append(s.bytes, b)
			s.frames = append(s.frames, recordsOf(len(s.frames), b))
		}
	}
	if len(s.names) != 3 {
		t.Fatal(s.names)
	}
	return s
}

func recordsOf(segment int, b []byte) (out []recordAt) {
	for off := headerLen; off < len(b); {
		n := int(binary.LittleEndian.Uint32(b[off:]))
		r := recordAt{from: off, to: off + n, kind: Kind(b[off+4])}
		number := int(binary.LittleEndian.Uint64(b[off+8:]))
		if r.kind == KindFrame {
			i := (number - 1) % 6
			r.word, r.what = i%2, fmt.Sprintf("%d w%d l%d-%d", number, i%2, segment, i)
		} else {
			r.word = number
		}
		out = append(out, r)
		off += n
	}
	return out
}

// reopen opens the journal with one segment changed, and returns what is read.
func (s *small) reopen(t *testing.T, which int, changed []byte) (*Journal, *crashfs.FS, []string) {
	t.Helper()
	var cfg Config
	disk := smallDisk(&cfg)
	j0, err := Open(cfg) // makes the folders and an identity
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, j0)
	for i, name := range s.names {
		b := s.bytes[i]
		if i == which {
			b = changed
		}
		disk.SetBytes(name, b)
	}
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j, disk, readAll(t, j, 0)
}

// expect checks that every frame is read whose bytes, and whose entry's bytes,
// are outside of [from, to), and that a journal goes on after it.
func (s *small) expect(t *testing.T, which, from, to int, changed []byte) {
	t.Helper()
	j, disk, got := s.reopen(t, which, changed)
	defer mustClose(t, j)
	hit := func(r recordAt) bool { return from < headerLen || r.from < to && from < r.to }
	var frames []string
	for _, line := range got {
		if !strings.HasPrefix(line, "lost") {
			frames = append(frames, line)
		}
	}
	harmed := false
	for i, records := range s.frames {
		for _, r := range records {
			bad := i == which && hit(r)
			if r.kind == KindEntry || bad {
				harmed = harmed || bad
				continue
			}
			want := r.what
			if i == which && slices.ContainsFunc(records, func(e recordAt) bool { return e.kind == KindEntry && e.word == r.word && hit(e) }) {
				want = strings.Replace(want, fmt.Sprintf(" w%d ", r.word), "  ", 1) // the frame is there, its word is not
			}
			if !slices.Contains(frames, want) {
				t.Fatalf("segment %d, bytes %d to %d: %q is lost\n%v", which, from, to, want, got)
			}
			frames = slices.DeleteFunc(frames, func(l string) bool { return l == want })
		}
	}
	if len(frames) > 0 {
		t.Fatalf("segment %d, bytes %d to %d: %q were never written", which, from, to, frames)
	}
	if which < 2 && harmed && !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "lost") }) {
		t.Fatalf("segment %d, bytes %d to %d: nothing was reported\n%v", which, from, to, got)
	}
	if which < 2 && harmed && from >= headerLen && len(changed) == len(s.bytes[which]) && !slices.ContainsFunc(disk.Files(damageDir+"/damaged"), isSegment) {
		t.Fatalf("segment %d, bytes %d to %d: no copy was kept", which, from, to)
	}
	seq, err := j.Append(&text{word: "w", rest: "more", seen: &dictionary{}}, true)
	if err != nil || seq != j.LastAtOpen()+1 {
		t.Fatal(seq, err)
	}
}

func isSegment(name string) bool { return strings.Contains(name, suffix) }

func TestEveryTruncation(t *testing.T) {
	s := mustBuildSmall(t)
	for which := range s.bytes {
		for n := range s.bytes[which] {
			s.expect(t, which, n, len(s.bytes[which]), s.bytes[which][:n])
		}
	}
}

func TestEveryFlippedByte(t *testing.T) {
	s := mustBuildSmall(t)
	flips := []byte{0x01, 0x80, 0xff}
	if raceEnabled {
		flips = flips[2:]
	}
	for which := range s.bytes {
		for n := range s.bytes[which] {
			for _, flip := range flips {
				b := slices.Clone(s.bytes[which])
				b[n] ^= flip
				s.expect(t, which, n, n+1, b)
			}
		}
	}
}

// A hole of zeros of any place and size, as a disk that lost sectors leaves it.
func TestEveryHole(t *testing.T) {
	s := mustBuildSmall(t)
	b := s.bytes[1]
	for from := headerLen; from < len(b); from += 7 {
		for to := from + 1; to <= len(b); to += 31 {
			holed := slices.Clone(b)
			clear(holed[from:to])
			lo, hi := changed(b, holed)
			s.expect(t, 1, lo, hi, holed)
		}
	}
}

// changed returns the smallest stretch that holds every difference.
func changed(a, b []byte) (from, to int) {
	from, to = len(a), len(a)
	for i := range a {
		if a[i] != b[i] {
			from, to = min(from, i), i+1
		}
	}
	return from, to
}

// What is lost is named: the positions of the frames that are missing.
func TestLostPositionsAreNamed(t *testing.T) {
	s := mustBuildSmall(t)
	f := func(which int, damage func(b []byte) []byte, want string) {
		t.Helper()
		j, _, got := s.reopen(t, which, damage(slices.Clone(s.bytes[which])))
		defer mustClose(t, j)
		lost := slices.DeleteFunc(got, func(l string) bool { return !strings.HasPrefix(l, "lost") })
		if joined := strings.Join(lost, "; "); joined != want {
			t.Errorf("got  %s\nwant %s", joined, want)
		}
	}
	third := s.frames[1][4] // entry, frame, entry, frame, frame: the third frame
	f(1, func(b []byte) []byte { b[third.from+35] ^= 1; return b }, "lost damaged bytes 0-0; lost frames in damaged bytes are missing 9-9")
	f(1, func(b []byte) []byte { b[third.from] ^= 1; return b }, "lost damaged bytes 0-0; lost frames in damaged bytes are missing 9-9")
	f(1, func(b []byte) []byte { return b[:third.from] }, "lost frames before the next segment are missing 9-12")
	f(1, func(b []byte) []byte { return nil }, "lost frames before the next segment are missing 7-12")
	f(0, func(b []byte) []byte { return nil }, "lost segments are missing 1-6")
	f(1, func(b []byte) []byte { b[3] ^= 1; return b },
		"lost frames before the next segment are missing 7-12; lost segment header damaged, kept as /data/journal/damaged/0000000000000002.seg 0-0")
	f(2, func(b []byte) []byte { return b[:third.from] }, "")
}

// A newer format is not damage: nothing is touched, and the program says so.
func TestNewerVersionIsLeftAlone(t *testing.T) {
	s := mustBuildSmall(t)
	var cfg Config
	disk := smallDisk(&cfg)
	mustClose(t, mustOpen(t, cfg))
	b := slices.Clone(s.bytes[0])
	b[8] = 2
	binary.LittleEndian.PutUint32(b[44:], checksum(0, b[:44]))
	disk.SetBytes(s.names[0], b)
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Fatal(err)
	}
	if !slices.Equal(disk.Bytes(s.names[0]), b) {
		t.Fatal("the file was changed")
	}
}

// FuzzSegment puts any bytes behind a good header. Whatever they are, recovery
// and a Reader come to an end, and every position is read or reported as lost,
// in order. Without the journal's goroutines, so that coverage is repeatable.
func FuzzSegment(f *testing.F) {
	head := segmentHeader{number: 1, first: 1, epoch: 7}
	w := Writer{seg: &segment{segmentHeader: head}, next: 1}
	for i := range 5 {
		m := w.beginAppend(int64(i))
		w.Entry([]byte(fmt.Sprint("entry", i)))
		w.EndFrame(append(w.BeginFrame(), fmt.Sprintf("%d:frame", i)...))
		w.commitAppend(m)
	}
	f.Add(w.buf)
	f.Add(w.buf[:len(w.buf)-3])
	f.Add(append(slices.Clone(w.buf[40:]), w.buf...))
	f.Add(make([]byte, 700))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, last := range []bool{true, false} {
			var cfg Config
			disk := smallDisk(&cfg)
			if err := disk.MkdirAll(damageDir); err != nil {
				t.Fatal(err)
			}
			disk.SetBytes(damageDir+"/"+segmentName(1), append(head.encode(), b...))
			if !last {
				next := segmentHeader{number: 2, first: 1000, epoch: 8}
				disk.SetBytes(damageDir+"/"+segmentName(2), next.encode())
			}
			checkFuzzed(t, cfg)
		}
	})
}

func checkFuzzed(t *testing.T, cfg Config) {
	j := newJournal(cfg)
	if err := j.recover(); err != nil {
		t.Fatal(err)
	}
	r, err := j.Reader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	next := uint64(1)
	for {
		rec, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		switch {
		case rec.Kind == KindFrame && rec.Seq != next:
			t.Fatalf("frame %d, expected %d", rec.Seq, next)
		case rec.Kind == KindFrame:
			next++
		case rec.Kind == KindLost && rec.From != 0 && rec.From != next:
			t.Fatalf("lost %d to %d, expected %d", rec.From, rec.To, next)
		case rec.Kind == KindLost && rec.From != 0:
			next = rec.To + 1
		}
	}
	if next != j.LastAtOpen()+1 {
		t.Fatalf("read up to %d of %d", next-1, j.LastAtOpen())
	}
}
