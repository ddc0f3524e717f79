package runs

// Builder makes runs of label sets, as a batch brings them: one for each batch, or
// more where numbers do not ascend or there is a great many. Its zero value makes pages of
// PageBytes.
type Builder struct {
	// MaxPairs is after how many keys of sets a run ends, PageBytes how many bytes
	// a page has at most. 0: the constants. Tests make them small.
	MaxPairs, PageBytes int

	numbers      []int64  // of the run's label sets
	pairs, other []uint64 // keys above, and below them, which of numbers; and as much room

	runs   []Built
	pages  Pages
	packer Packer
}

// Built is a run with its pages, Builder.Pages from From to To.
type Built struct {
	Run
	From, To int
}

const (
	// MaxPairs bounds what is sorted at once, and its memory: 8 MB.
	MaxPairs = 1 << 19

	// PageBytes keeps a row below the 2 kB above which PostgreSQL moves values
	// elsewhere, four of them in a page of its own. A look reads one page of each run.
	PageBytes = 1976

	ordinalBits = 64 - keyBits
)

// Reset forgets all runs, and keeps memory for as much as an ordinary batch has.
func (b *Builder) Reset() {
	const most = 1 << 17
	b.runs, b.numbers, b.pairs = b.runs[:0], b.numbers[:0], b.pairs[:0]
	if cap(b.pairs) > most || cap(b.other) > most {
		b.numbers, b.pairs, b.other = nil, nil, nil
	}
	b.pages.Reset()
}

// Set begins a label set; its keys follow.
func (b *Builder) Set(number int64) {
	limit := b.MaxPairs
	if limit == 0 {
		limit = MaxPairs
	}
	if n := len(b.numbers); n > 0 && (number <= b.numbers[n-1] || len(b.pairs) >= limit || n == 1<<ordinalBits) {
		b.Finish()
	}
	b.numbers = append(b.numbers, number)
}

// Key adds a key of the label set at hand.
func (b *Builder) Key(k Key) {
	b.pairs = append(b.pairs, uint64(k)<<ordinalBits|uint64(len(b.numbers)-1))
}

// Finish ends the last run, if there is one.
func (b *Builder) Finish() {
	if len(b.numbers) == 0 {
		return
	}
	b.other = sortPairs(b.pairs, b.other)
	limit := b.PageBytes
	if limit == 0 {
		limit = PageBytes
	}
	from := b.pages.Len()
	b.packer.Begin(&b.pages, limit, b.numbers[0])
	for _, n := range b.numbers {
		b.packer.Add(Entry{All, n, n})
	}
	for _, p := range b.pairs {
		n := b.numbers[p&(1<<ordinalBits-1)]
		b.packer.Add(Entry{Key(p >> ordinalBits), n, n})
	}
	b.packer.End()
	b.runs = append(b.runs, Built{
		Run:  Run{First: b.numbers[0], Last: b.numbers[len(b.numbers)-1], Sets: int64(len(b.numbers))},
		From: from, To: b.pages.Len(),
	})
	b.numbers, b.pairs = b.numbers[:0], b.pairs[:0]
}

// Runs returns the runs that are finished, lent until Reset.
func (b *Builder) Runs() []Built { return b.runs }

// Pages returns their pages, lent until Reset.
func (b *Builder) Pages() *Pages { return &b.pages }
