package sqlite

import (
	"context"
	"database/sql/driver"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/fold"
)

// sources writes what came of each source, and returns their numbers.
func (f *folder) sources(ctx context.Context, c *conn, p *fold.Pending) (numbers []int64, err error) {
	pending := p.Sources()
	for i := range pending {
		s := &pending[i]
		id := sourceID(s.Name)
		var number int64
		var known *alert.Source
		err := c.query(context.Background(), `SELECT number, first_at, last_at, deliveries, truncated, rhythm FROM sources WHERE id = ?`,
			func(row []driver.Value) error {
				number = row[0].(int64)
				known = &alert.Source{
					FirstAt: row[1].(int64), LastAt: row[2].(int64), Deliveries: row[3].(int64), Truncated: uint64(row[4].(int64)), Rhythm: row[5].(int64),
				}
				return nil
			}, id[:])
		if err != nil {
			return nil, err
		}
		now := s.Onto(known)
		if known != nil {
			_, err = c.exec(context.Background(), `UPDATE sources SET first_at = ?, last_at = ?, deliveries = ?, truncated = ?, rhythm = ? WHERE number = ?`,
				now.FirstAt, now.LastAt, now.Deliveries, int64(now.Truncated), now.Rhythm, number)
		} else {
			var res driver.Result
			res, err = c.exec(context.Background(), `INSERT INTO sources (id, name, first_at, last_at, deliveries, truncated, rhythm) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				id[:], storage.Escape(s.Name), now.FirstAt, now.LastAt, now.Deliveries, int64(now.Truncated), now.Rhythm)
			if err == nil {
				number, err = res.LastInsertId()
			}
		}
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, ctx.Err()
}

// sourceID is what a source is found by. It is no entry of a dictionary, and needs
// to differ from other sources alone.
func sourceID(name string) alert.ID { return alert.Identity(alert.KindEnvelope, []byte(name)) }

// severitiesSQL adds up what is counted by label set. A label set that retention has
// removed meanwhile counts no more.
const severitiesSQL = `SELECT l.severity, sum(j.value ->> 1), sum(j.value ->> 2)
	FROM json_each(?) j CROSS JOIN label_sets l ON l.id = j.value ->> 0 GROUP BY l.severity`

// minutes adds tallies, which come minute by minute.
func (f *folder) minutes(ctx context.Context, c *conn, tallies []fold.Tally) error {
	for len(tallies) > 0 {
		n := 1
		for n < len(tallies) && tallies[n].Minute == tallies[0].Minute {
			n++
		}
		if err := f.minute(c, tallies[:n]); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		tallies = tallies[n:]
	}
	return nil
}

// bySeverity adds tallies up: those of label sets that were added lately by what is
// known of them, the others by a question.
func (f *folder) bySeverity(c *conn, tallies []fold.Tally) (counts []alert.Minute, err error) {
	places := map[string]int{}
	add := func(severity string, firing, resolved int64) {
		at, ok := places[severity]
		if !ok {
			at = len(counts)
			counts = append(counts, alert.Minute{Severity: severity})
			places[severity] = at
		}
		counts[at].Firing += firing
		counts[at].Resolved += resolved
	}
	f.text = f.text[:0]
	for i := range tallies {
		t := &tallies[i]
		if severity, ok := f.severities.of(t.Set); ok {
			add(severity, t.Firing, t.Resolved)
			continue
		}
		f.text = append(f.text, ',')
		f.text = appendNumber(f.text, '[', t.Set)
		f.text = appendNumber(f.text, ',', t.Firing)
		f.text = append(appendNumber(f.text, ',', t.Resolved), ']')
	}
	if len(f.text) == 0 {
		return counts, nil
	}
	f.text[0] = '['
	f.text = append(f.text, ']')
	err = c.query(context.Background(), severitiesSQL, func(row []driver.Value) error {
		add(row[0].(string), row[1].(int64), row[2].(int64))
		return nil
	}, string(f.text))
	return counts, err
}

func (f *folder) minute(c *conn, tallies []fold.Tally) error {
	at := tallies[0].Minute
	counts, err := f.bySeverity(c, tallies)
	if err != nil {
		return err
	}
	numbers := map[string]int64{}
	err = c.query(context.Background(), `SELECT number, severity FROM minutes WHERE at = ?`, func(row []driver.Value) error {
		numbers[row[1].(string)] = row[0].(int64)
		return nil
	}, at)
	for i := 0; i < len(counts) && err == nil; i++ {
		m := &counts[i]
		if number, ok := numbers[m.Severity]; ok {
			_, err = c.exec(context.Background(), `UPDATE minutes SET firing = firing + ?, resolved = resolved + ? WHERE number = ?`, m.Firing, m.Resolved, number)
		} else {
			_, err = c.exec(context.Background(), `INSERT INTO minutes (at, severity, firing, resolved) VALUES (?, ?, ?, ?)`, at, m.Severity, m.Firing, m.Resolved)
		}
	}
	return err
}
