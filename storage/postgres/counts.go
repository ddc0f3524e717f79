package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Sources implements storage.EpisodeReader.
func (s *Store) Sources(ctx context.Context) (all []alert.Source, err error) {
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	const sql = `SELECT name, first_at, last_at, deliveries, truncated_alerts, rhythm FROM sources`
	err = reader{pool: s.pool}.query(ctx, sql, arguments{}, func(v row) error {
		all = append(all, alert.Source{
			Name: v.text(0), FirstAt: v.time(1), LastAt: v.time(2), Deliveries: v.int8(3), Truncated: uint64(v.int8(4)), Rhythm: v.int8(5),
		})
		return nil
	})
	slices.SortFunc(all, func(a, b alert.Source) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// minutesPage is how many rows a statement reads.
const minutesPage = 4096

// Minutes implements storage.EpisodeReader. In the index a minute's severities are in
// the order of their hashes: they are sorted here, a minute at a time.
func (s *Store) Minutes(ctx context.Context, from, to int64, yield func(alert.Minute) error) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	from, to = max(from, storage.FirstTime), min(to, storage.LastTime+1)-1
	var minute []alert.Minute // the one at hand
	flush := func() error {
		slices.SortFunc(minute, func(a, b alert.Minute) int { return cmp.Compare(a.Severity, b.Severity) })
		for _, m := range minute {
			if err := yield(m); err != nil {
				return err
			}
		}
		minute = minute[:0]
		return nil
	}
	var last *alert.ID // in the minute from
	for from <= to {
		var a arguments
		sql := `SELECT at, identity, severity, firing, resolved FROM minutes WHERE at >= ` + a.time(from) + ` AND at <= ` + a.time(to)
		if last != nil {
			sql += ` AND (at, identity) > (` + a.time(from) + `, ` + a.uuid(*last) + `)`
		}
		sql += ` ORDER BY at, identity LIMIT ` + strconv.Itoa(minutesPage)
		var page []alert.Minute
		err := reader{pool: s.pool}.query(ctx, sql, a, func(v row) error {
			id := v.uuid(1)
			last = &id
			page = append(page, alert.Minute{At: v.time(0), Severity: v.text(2), Firing: v.int8(3), Resolved: v.int8(4)})
			return nil
		})
		if err != nil {
			return err
		}
		for _, m := range page {
			if len(minute) > 0 && minute[0].At != m.At {
				if err := flush(); err != nil {
					return err
				}
			}
			minute = append(minute, m)
		}
		if len(page) < minutesPage {
			break
		}
		from = page[len(page)-1].At
	}
	return flush()
}

// labelSetsPage is how many label sets a statement reads.
const labelSetsPage = 2000

// Labels implements storage.EpisodeReader.
func (s *Store) Labels(ctx context.Context, q *alert.LabelQuery) ([]string, error) {
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	c := storage.NewLabelAnswer(q)
	r := reader{pool: s.pool}
	for seen, before := 0, int64(0); seen < storage.MaxLabelSets; {
		var a arguments
		sql := `SELECT id, labels FROM label_sets`
		if seen > 0 {
			sql += ` WHERE id < ` + a.int8(before)
		}
		n := 0
		err := r.query(ctx, sql+` ORDER BY id DESC LIMIT `+strconv.Itoa(labelSetsPage), a, func(v row) error {
			n++
			before = v.int8(0)
			labels, err := v.pairs(1)
			c.Add(labels)
			return err
		})
		if err != nil || n < labelSetsPage {
			return c.Words(), err
		}
		seen += n
	}
	return c.Words(), nil
}
