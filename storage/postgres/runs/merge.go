package runs

// Source gives the entries of a run, one after the other.
type Source interface {
	Next() (e Entry, ok bool, err error)
}

// Merge gives the entries of some runs to yield, in order.
func Merge(sources []Source, yield func(Entry) error) error {
	m := merge{}
	for _, s := range sources {
		if err := m.add(s); err != nil {
			return err
		}
	}
	for len(m) > 0 {
		if err := yield(m[0].entry); err != nil {
			return err
		}
		e, ok, err := m[0].source.Next()
		if err != nil {
			return err
		}
		if ok {
			m[0].entry = e
		} else {
			m[0] = m[len(m)-1]
			m = m[:len(m)-1]
		}
		m.down()
	}
	return nil
}

// merge is a heap, with the source on top whose next entry comes first.
type merge []head

type head struct {
	entry  Entry
	source Source
}

func (m *merge) add(s Source) error {
	e, ok, err := s.Next()
	if err != nil || !ok {
		return err
	}
	h := append(*m, head{e, s})
	for i := len(h) - 1; i > 0 && h[i].entry.Compare(h[(i-1)/2].entry) < 0; i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
	*m = h
	return nil
}

// down brings the one on top to where it belongs.
func (m merge) down() {
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(m); c++ {
			if m[c].entry.Compare(m[least].entry) < 0 {
				least = c
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}

// Thin returns the parts of an entry whose label sets are kept.
func Thin(e Entry, keep func(number int64) bool, yield func(Entry)) {
	for n := e.First; n <= e.Last; n++ {
		if !keep(n) {
			continue
		}
		first := n
		for n < e.Last && keep(n+1) {
			n++
		}
		yield(Entry{e.Key, first, n})
	}
}
