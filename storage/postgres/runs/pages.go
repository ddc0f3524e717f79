package runs

import "encoding/binary"

// Pages are the pages of one or more runs, in order.
type Pages struct {
	all   []place
	bytes []byte
}

// place is a page: Pages.bytes[begin:end].
type place struct {
	key        Key
	number     int64
	begin, end int
}

// Len returns how many pages there are.
func (p *Pages) Len() int { return len(p.all) }

// Bytes returns how many bytes they have.
func (p *Pages) Bytes() int { return len(p.bytes) }

// At returns a page, lent until the next one is added.
func (p *Pages) At(i int) Page {
	at := p.all[i]
	return Page{at.key, at.number, p.bytes[at.begin:at.end]}
}

// Reset forgets all pages, and keeps memory for as much as an ordinary batch has.
func (p *Pages) Reset() {
	const most = 1 << 19
	if cap(p.bytes) > most {
		*p = Pages{}
	}
	p.all, p.bytes = p.all[:0], p.bytes[:0]
}

// Packer makes pages of the entries of one run, which come in order; two of the
// same key may touch or overlap.
//
// A page has for each key, first to last: the difference to the key before,
// shifted by one bit; if that bit is set, how many entries follow, and else it is
// one. An entry is its distance from the one before, or from the first label set
// of the run, shifted by one bit; if that bit is set, its length less two follows,
// and else it is one number. All are varints. So a key that one set has takes six
// bytes or seven, and one that all have takes no more.
type Packer struct {
	pages *Pages
	limit int   // bytes of a page
	base  int64 // first label set of the run

	at  Entry // the last that came: the next may lengthen it
	any bool  // there is one

	entries []byte // of at.Key, packed, for the page that is open
	n       uint64
	first   int64 // of the first of them
	end     int64 // of the last of them

	open bool // a page is: the last of pages
	last Key  // that it has
}

// headBytes is the most that stands before the entries of a key, entryBytes the most that one has.
const (
	headBytes  = 2 * binary.MaxVarintLen64
	entryBytes = 2 * binary.MaxVarintLen64
	leastLimit = headBytes + entryBytes
)

// Begin begins a run, whose pages of at most so many bytes are added to pages.
func (p *Packer) Begin(pages *Pages, limit int, base int64) {
	*p = Packer{pages: pages, limit: max(limit, leastLimit), base: base, entries: p.entries[:0]}
}

// Add adds an entry.
func (p *Packer) Add(e Entry) {
	if p.any && e.Key == p.at.Key {
		if e.First <= p.at.Last+1 {
			p.at.Last = max(p.at.Last, e.Last)
			return
		}
		p.pack()
	} else {
		p.endKey()
	}
	p.at, p.any = e, true
}

// End ends the run.
func (p *Packer) End() {
	p.endKey()
	p.open, p.any = false, false
}

// Cut ends the page, so that the pages until here can be taken away.
func (p *Packer) Cut() { p.flush(); p.open = false }

// endKey packs the last entry of a key.
func (p *Packer) endKey() {
	if p.any {
		p.pack()
		p.flush()
	}
}

// pack packs the last entry that came. When the page has no room for it, a new
// one begins, in the midst of a key if need be.
func (p *Packer) pack() {
	if p.used()+headBytes+len(p.entries)+entryBytes > p.limit {
		p.Cut()
	}
	before := p.end
	if p.n == 0 {
		before, p.first = p.base, p.at.First
	}
	gap := uint64(p.at.First-before) << 1
	if p.at.First == p.at.Last {
		p.entries = binary.AppendUvarint(p.entries, gap)
	} else {
		p.entries = binary.AppendUvarint(p.entries, gap|1)
		p.entries = binary.AppendUvarint(p.entries, uint64(p.at.Last-p.at.First-1))
	}
	p.end = p.at.Last
	p.n++
}

// used returns how long the open page is.
func (p *Packer) used() int {
	if !p.open {
		return 0
	}
	return len(p.pages.bytes) - p.pages.all[len(p.pages.all)-1].begin
}

// flush moves what is packed of a key into the page.
func (p *Packer) flush() {
	if p.n == 0 {
		return
	}
	g := p.pages
	if !p.open {
		g.all = append(g.all, place{p.at.Key, p.first, len(g.bytes), 0})
		p.open, p.last = true, p.at.Key
	}
	step := uint64(p.at.Key-p.last) << 1
	if p.n == 1 {
		g.bytes = binary.AppendUvarint(g.bytes, step)
	} else {
		g.bytes = binary.AppendUvarint(g.bytes, step|1)
		g.bytes = binary.AppendUvarint(g.bytes, p.n)
	}
	g.bytes = append(g.bytes, p.entries...)
	g.all[len(g.all)-1].end = len(g.bytes)
	p.last, p.entries, p.n = p.at.Key, p.entries[:0], 0
}
