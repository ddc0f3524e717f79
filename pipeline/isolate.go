package pipeline

import (
	"context"
	"slices"

	"stormdrain/internal/alert"
)

// isolate finds the rows that the store refuses, by trying ever smaller halves
// of the batch, moves them to the quarantine and takes them out of the batch.
// Nothing is stored by it: the position and all rows are still written at once.
func (p *Pipeline) isolate(ctx context.Context, b *batch) error {
	rows := rowsOf(&b.Batch)
	refused := make(map[row]error)
	var search func(part []row) error
	search = func(part []row) error {
		sub := subset(&b.Batch, part)
		err := p.storer.Try(ctx, &sub)
		switch {
		case err == nil:
			return nil
		case !permanent(err):
			return err
		case len(part) == 1:
			refused[part[0]] = err
			return nil
		}
		half := len(part) / 2
		if err := search(part[:half]); err != nil {
			return err
		}
		return search(part[half:])
	}
	if len(rows) > 0 {
		if err := search(rows); err != nil {
			return err
		}
	}
	if len(refused) == 0 {
		return nil // the whole is refused and no part of it: the caller tries again
	}
	if err := p.quarantineRefused(b, refused); err != nil {
		return err
	}
	kept := slices.DeleteFunc(rows, func(r row) bool { return refused[r] != nil })
	origins := make([]recordedOrigin, 0, len(b.origins))
	for _, r := range kept {
		if r.recorded >= 0 {
			origins = append(origins, b.origins[r.recorded])
		}
	}
	b.Batch, b.origins = subset(&b.Batch, kept), origins
	return nil
}

// row is the smallest thing that can be refused: an event, a delivery that has no
// events, or a recorded event. What it is not of is -1.
type row struct{ delivery, event, recorded int32 }

func rowsOf(b *alert.Batch) []row {
	rows := make([]row, 0, len(b.Events)+len(b.Recorded))
	next := 0
	for d := range b.Deliveries {
		first := next
		for next < len(b.Events) && int(b.Events[next].Delivery) == d {
			rows = append(rows, row{int32(d), int32(next), -1})
			next++
		}
		if next == first {
			rows = append(rows, row{int32(d), -1, -1})
		}
	}
	for i := range b.Recorded {
		rows = append(rows, row{-1, -1, int32(i)})
	}
	return rows
}

// subset returns a batch of these rows alone, with the deliveries and entries
// that they refer to and no others. It shares nothing that a store may change.
func subset(b *alert.Batch, rows []row) alert.Batch {
	sub := alert.Batch{Journal: b.Journal, From: b.From, To: b.To}
	index := make(map[int32]int32) // of entries
	entry := func(old int32) int32 {
		n, ok := index[old]
		if !ok {
			n = int32(len(sub.Entries))
			index[old] = n
			sub.Entries = append(sub.Entries, b.Entries[old])
		}
		return n
	}
	last := int32(-1)
	for _, r := range rows {
		if r.recorded >= 0 {
			sub.Recorded = append(sub.Recorded, b.Recorded[r.recorded])
			continue
		}
		if r.delivery != last {
			d := b.Deliveries[r.delivery]
			d.Envelope = entry(d.Envelope)
			sub.Deliveries = append(sub.Deliveries, d)
			last = r.delivery
		}
		if r.event < 0 {
			continue
		}
		ev := b.Events[r.event]
		ev.Delivery = int32(len(sub.Deliveries) - 1)
		ev.Labels, ev.Details = entry(ev.Labels), entry(ev.Details)
		sub.Events = append(sub.Events, ev)
	}
	return sub
}
