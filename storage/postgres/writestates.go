package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
)

// changed is a state that is to be written.
type changed struct {
	*fold.State
	set    int64
	source int32
}

// writeStates writes what the rules have changed: rows that are new by COPY, the
// others by one statement for those that were only repeated, which are nearly all in
// a storm, and one for the rest.
func (f *folding) writeStates(ctx context.Context) error {
	var repeats, changes, news []changed
	var came []*fold.State // by envelopes that may have a receiver which is not in the row
	for i := range f.alerts {
		t := &f.alerts[i]
		for k := range t.states {
			s := &t.states[k]
			c := changed{s, t.alert.Set, t.source}
			switch {
			case s.Change == fold.Same:
				continue
			case s.Number == 0:
				news = append(news, c)
			case s.Change == fold.Repeated:
				repeats = append(repeats, c)
			default:
				changes = append(changes, c)
			}
			if len(s.Seen) > 0 {
				came = append(came, s)
			}
		}
	}
	if err := f.loadReceivers(ctx, came); err != nil {
		return fmt.Errorf("read the receivers: %w", err)
	}
	if err := f.copyNew(ctx, news); err != nil {
		return fmt.Errorf("copy %d new episodes: %w", len(news), err)
	}
	batch := &pgconn.Batch{}
	update(batch, repeats, changes)
	updateReceivers(batch, f.missingReceivers(came))
	f.insertBeginnings(batch, changes, news)
	if err := f.answers(ctx, batch, func(int, row) error { return nil }); err != nil {
		return fmt.Errorf("update %d episodes: %w", len(repeats)+len(changes), err)
	}
	return nil
}

// update adds the statements for rows that are there.
func update(batch *pgconn.Batch, repeats, changes []changed) {
	if len(repeats) > 0 {
		number, last, receipts, details, envelope := newInt8s(), newTimes(), newInt8s(), newInt8s(), newInt8s()
		for _, c := range repeats {
			number.int8(c.Number)
			last.time(c.LastAt)
			receipts.int8(c.Receipts)
			details.int8(c.Details)
			envelope.int8(c.Envelope)
		}
		var a arguments
		sql := `UPDATE episodes e SET last_received_at = k.last_received_at, receipts = k.receipts, details = k.details, envelope = k.envelope
			FROM unnest(` + a.columns(&number, &last, &receipts, &details, &envelope) + `)
				AS k (number, last_received_at, receipts, details, envelope) WHERE e.number = k.number`
		batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
	}
	if len(changes) == 0 {
		return
	}
	number, starts, ends, superseded := newInt8s(), newTimes(), newTimes(), newTimes()
	first, last, resolved, receipts := newTimes(), newTimes(), newTimes(), newInt8s()
	details, envelope, bits, class, unfired := newInt8s(), newInt8s(), newInt4s(), newInt4s(), newBools()
	for _, c := range changes {
		number.int8(c.Number)
		starts.time(c.StartsAt.Micros)
		ends.timeOrNull(c.EndsAt)
		superseded.timeOrNull(c.Superseded)
		first.time(c.FirstAt)
		last.time(c.LastAt)
		resolved.timeOrNull(c.resolvedAt())
		receipts.int8(c.Receipts)
		details.int8(c.Details)
		envelope.int8(c.Envelope)
		bits.int4(c.bits())
		class.int4(int32(c.Class()))
		unfired.bool(c.Unfired)
	}
	var a arguments
	sql := `UPDATE episodes e SET starts_at = k.starts_at, ends_at = k.ends_at, superseded_at = k.superseded_at,
			first_received_at = k.first_received_at, last_received_at = k.last_received_at, resolved_at = k.resolved_at, receipts = k.receipts,
			details = k.details, envelope = k.envelope, bits = k.bits, class = k.class, unfired = k.unfired
		FROM unnest(` + a.columns(&number, &starts, &ends, &superseded, &first, &last, &resolved, &receipts, &details, &envelope, &bits, &class, &unfired) + `)
			AS k (number, starts_at, ends_at, superseded_at, first_received_at, last_received_at, resolved_at, receipts, details, envelope, bits, class, unfired)
		WHERE e.number = k.number`
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
}

func (c *changed) bits() int32 { return packEpisode(c.Status, c.StartsAt, c.EndsAt, c.Superseded) }

func (c *changed) resolvedAt() alert.Time {
	if c.Status == alert.Resolved {
		return alert.Time{Micros: c.ResolvedAt}
	}
	return alert.NoTime
}

const copyEpisodes = `COPY episodes (number, label_set, details, envelope, starts_at, ends_at, superseded_at, first_received_at, last_received_at,
	resolved_at, receipts, source, bits, class, unfired, receivers) FROM STDIN (FORMAT binary)`

const episodeColumns = 16

// copyNew numbers new episodes and writes them. Whoever folds is alone, so that the
// sequence is read and set.
func (f *folding) copyNew(ctx context.Context, news []changed) error {
	if len(news) == 0 {
		return nil
	}
	var a arguments
	next := int64(0)
	sql := `SELECT setval('episode_numbers', (SELECT last_value FROM episode_numbers) + ` + a.int8(int64(len(news))) + `)`
	if err := query(ctx, f.c, sql, a, func(v row) error { next = v.int8(0) - int64(len(news)); return nil }); err != nil {
		return err
	}
	for i := range news {
		news[i].Number = next + int64(i)
	}
	var receivers []string
	r := newTuples(nil, len(news), func(dst []byte, i int) ([]byte, error) {
		c := &news[i]
		dst = binary.BigEndian.AppendUint16(dst, episodeColumns)
		dst = appendInt8(dst, c.Number)
		dst = appendInt8(dst, c.set)
		dst = appendInt8(dst, c.Details)
		dst = appendInt8(dst, c.Envelope)
		dst = appendTime(dst, c.StartsAt.Micros)
		dst = appendTimeOrNull(dst, c.EndsAt)
		dst = appendTimeOrNull(dst, c.Superseded)
		dst = appendTime(dst, c.FirstAt)
		dst = appendTime(dst, c.LastAt)
		dst = appendTimeOrNull(dst, c.resolvedAt())
		dst = appendInt8(dst, c.Receipts)
		dst = appendInt4(dst, c.source)
		dst = appendInt4(dst, c.bits())
		dst = appendInt2(dst, int16(c.Class()))
		dst = appendBool(dst, c.Unfired)
		receivers = f.receiversOf(c.State, receivers[:0])
		return appendTexts(dst, receivers), nil
	})
	_, err := f.c.CopyFrom(ctx, r, copyEpisodes)
	r.stop()
	return err
}

// insertBeginnings adds the statement that keeps the beginnings which episodes had
// before they were moved.
func (f *folding) insertBeginnings(batch *pgconn.Batch, lists ...[]changed) {
	sets, starts, sources, nanos, episodes := newInt8s(), newTimes(), newInt4s(), newInt4s(), newInt8s()
	for _, list := range lists {
		for _, c := range list {
			for _, at := range c.Moved {
				sets.int8(c.set)
				starts.time(at.Micros)
				sources.int4(c.source)
				nanos.int4(int32(at.Nanos))
				episodes.int8(c.Number)
			}
		}
	}
	if sets.n == 0 {
		return
	}
	var a arguments
	sql := `INSERT INTO episode_beginnings (label_set, starts_at, source, nanos, episode)
		SELECT * FROM unnest(` + a.columns(&sets, &starts, &sources, &nanos, &episodes) + `) ON CONFLICT DO NOTHING`
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
}

// receiversOf appends the receivers of the envelopes that a state was seen with,
// sorted and each once.
func (f *folding) receiversOf(s *fold.State, dst []string) []string {
	for _, envelope := range s.Seen {
		if name, ok := f.receivers[envelope]; ok {
			dst = append(dst, name)
		}
	}
	slices.Sort(dst)
	return slices.Compact(dst)
}
