package storage

// Marks is a set of numbers of dictionary rows, a bit for each, in pages that are
// made when one of their numbers comes. Numbers are given out in order, so pages
// are full where rows are young: 50 million of them are 6 MB.
type Marks struct {
	pages map[int64]*markPage
	at    int64 // the page that was asked for last, and
	page  *markPage
}

const markPageBits = 15

type markPage [1 << markPageBits / 64]uint64

// NewMarks returns an empty set.
func NewMarks() *Marks { return &Marks{pages: map[int64]*markPage{}} }

// Add adds a number.
func (m *Marks) Add(n int64) {
	p := m.find(n >> markPageBits)
	if p == nil {
		p = new(markPage)
		m.page = p
		m.pages[m.at] = p
	}
	p[n&(1<<markPageBits-1)/64] |= 1 << (n & 63)
}

// Has reports whether a number was added.
func (m *Marks) Has(n int64) bool {
	p := m.find(n >> markPageBits)
	return p != nil && p[n&(1<<markPageBits-1)/64]&(1<<(n&63)) != 0
}

func (m *Marks) find(page int64) *markPage {
	if m.page == nil || m.at != page {
		m.at, m.page = page, m.pages[page]
	}
	return m.page
}
