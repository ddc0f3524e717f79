package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/fold"
)

// pageAlerts is how many alerts are loaded, folded and written together: with as
// many the statements cost next to nothing, and memory is some 100 KiB.
const pageAlerts = 512

// page is some alerts with their episodes. Its room is used again.
type page struct {
	alerts    []*fold.Alert
	sources   []int64          // numbers, by fold.Alert.Source
	places    map[rowPlace]int // of the alerts
	states    [][]fold.State   // of each alert
	receivers map[int64]string // of loaded episodes, as they are stored
	names     map[int64]string // receivers of envelopes, as they are stored
	alone     map[int64]string // by envelope: the receivers of what has come by it alone
}

type rowPlace struct{ set, source int64 }

// limits are what is known of the table before a fold.
type limits struct {
	set    int64 // no row has a label set above: new ones need not be looked for
	number int64 // the last given
	moved  bool  // there are rows in beginnings
}

// episodes folds every alert of p, page by page, in the order of label sets.
func (f *folder) episodes(ctx context.Context, c *conn, p *fold.Pending, sources []int64) error {
	var l limits
	err := c.query(ctx, `SELECT (SELECT max(label_set) FROM episodes), (SELECT max(number) FROM episodes), EXISTS (SELECT 1 FROM beginnings)`,
		func(row []driver.Value) error {
			l.set, _ = row[0].(int64)
			l.number, _ = row[1].(int64)
			l.moved = row[2].(int64) != 0
			return nil
		})
	if err != nil {
		return err
	}
	f.values = f.values[:0]
	for all := p.Alerts(); len(all) > 0; {
		n := min(len(all), pageAlerts)
		f.page.begin(all[:n], sources)
		if err := f.page.load(c, p, l); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		for i, a := range f.page.alerts {
			f.page.states[i] = p.Fold(a, f.page.states[i])
			f.begun += fold.BegunResolved(f.page.states[i])
		}
		if err := f.page.nameReceivers(c); err != nil {
			return fmt.Errorf("receivers: %w", err)
		}
		if err := f.write(c, &l); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		all = all[n:]
	}
	return f.insertRest(c)
}

func (g *page) begin(alerts []*fold.Alert, sources []int64) {
	if g.places == nil {
		g.places, g.receivers, g.names, g.alone = map[rowPlace]int{}, map[int64]string{}, map[int64]string{}, map[int64]string{}
	}
	clear(g.places)
	clear(g.receivers)
	clear(g.names)
	clear(g.alone)
	g.alerts, g.sources = alerts, sources
	g.states = slices.Grow(g.states[:0], len(alerts))[:len(alerts)]
	for i, a := range alerts {
		g.places[rowPlace{a.Set, sources[a.Source]}] = i
		clear(g.states[i][:cap(g.states[i])])
		g.states[i] = g.states[i][:0]
	}
}

const (
	episodeColumns = `e.number, e.label_set, e.source, e.starts_at, e.until, e.bits, e.first_at, e.resolved_at, e.last_at, e.receipts, e.details, e.envelope, e.receivers`

	openOfSQL = `SELECT ` + episodeColumns + ` FROM json_each(?) j CROSS JOIN episodes e ON e.label_set = j.value AND (e.class = 63) = 1`
	endedSQL  = `SELECT ` + episodeColumns + ` FROM json_each(?) j CROSS JOIN episodes e
		ON e.label_set = j.value ->> 0 AND (e.class = 63) = 0 AND e.starts_at = j.value ->> 1`
	movedOfSQL = `SELECT ` + episodeColumns + `, m.starts_at, m.nanos
		FROM json_each(?) j CROSS JOIN beginnings m ON m.label_set = j.value ->> 0 AND m.starts_at = j.value ->> 1 CROSS JOIN episodes e ON e.number = m.episode`
)

// load reads the open episode of each alert, and then those with a beginning that
// its receipts name and the open one does not have: in a storm of what is known, none.
func (g *page) load(c *conn, p *fold.Pending, l limits) error {
	var sets []int64
	for _, a := range g.alerts {
		if a.Set <= l.set && (len(sets) == 0 || sets[len(sets)-1] != a.Set) {
			sets = append(sets, a.Set)
		}
	}
	if len(sets) == 0 {
		return nil
	}
	if err := c.query(context.Background(), openOfSQL, g.take, numberList(sets)); err != nil {
		return err
	}
	pairs := []byte{'['}
	var starts []alert.Time
	for i, a := range g.alerts {
		if a.Set > l.set {
			break
		}
		starts = p.Starts(starts[:0], a)
		for _, t := range starts {
			if s := g.states[i]; len(s) > 0 && s[0].StartsAt == t {
				continue
			}
			if len(pairs) > 1 {
				pairs = append(pairs, ',')
			}
			pairs = append(appendNumber(appendNumber(pairs, '[', a.Set), ',', t.Micros), ']')
		}
	}
	if len(pairs) == 1 {
		return nil
	}
	text := string(append(pairs, ']'))
	err := c.query(context.Background(), endedSQL, g.take, text)
	if err == nil && l.moved {
		err = c.query(context.Background(), movedOfSQL, g.take, text)
	}
	return err
}

// take adds a row of episodeColumns to the states, once, with a beginning that it had.
func (g *page) take(row []driver.Value) error {
	at, ok := g.places[rowPlace{row[1].(int64), row[2].(int64)}]
	if !ok {
		return nil // the same label set of another source
	}
	number := row[0].(int64)
	n := slices.IndexFunc(g.states[at], func(s fold.State) bool { return s.Number == number })
	if n < 0 {
		n = len(g.states[at])
		g.states[at] = append(g.states[at], stateOf(row))
		g.receivers[number] = row[12].(string)
	}
	if len(row) > 13 {
		s := &g.states[at][n]
		s.Had = append(s.Had, alert.Time{Micros: row[13].(int64), Nanos: uint16(row[14].(int64))})
	}
	return nil
}

// unfired is the bit of an episode whose firing never came, above those of storage.PackBits.
const unfired = 1 << 21

// stateOf reads a row of episodeColumns.
func stateOf(row []driver.Value) fold.State {
	bits := row[5].(int64)
	status, startNanos, untilNanos := storage.UnpackBits(int32(bits))
	s := fold.State{
		Number: row[0].(int64), Status: status, StartsAt: alert.Time{Micros: row[3].(int64), Nanos: startNanos},
		EndsAt: alert.NoTime, Superseded: alert.NoTime, Unfired: bits&unfired != 0,
		FirstAt: row[6].(int64), ResolvedAt: row[7].(int64), LastAt: row[8].(int64), Receipts: row[9].(int64),
		Details: row[10].(int64), Envelope: row[11].(int64),
	}
	if micros, ok := row[4].(int64); ok {
		until := alert.Time{Micros: micros, Nanos: untilNanos}
		if status == alert.Resolved {
			s.EndsAt = until
		} else {
			s.Superseded = until
		}
	}
	return s
}

// nameReceivers finds the receivers of the envelopes that episodes came by for the
// first time.
func (g *page) nameReceivers(c *conn) error {
	var numbers []int64
	for _, states := range g.states {
		for i := range states {
			numbers = append(numbers, states[i].Seen...)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	slices.Sort(numbers)
	return c.query(context.Background(), `SELECT id, receiver FROM envelopes WHERE id IN (SELECT value FROM json_each(?))`, func(row []driver.Value) error {
		g.names[row[0].(int64)] = row[1].(string)
		return nil
	}, numberList(slices.Compact(numbers)))
}

// receiversOf returns the receivers of a state as they are stored, and whether that
// is something new.
func (g *page) receiversOf(s *fold.State) (text string, changed bool, err error) {
	if s.Number == 0 && len(s.Seen) == 1 { // what is new, mostly
		text, ok := g.alone[s.Seen[0]]
		if !ok {
			text = "[]"
			if name, ok := g.names[s.Seen[0]]; ok {
				text = appendReceivers([]string{storage.Unescape(name)})
			}
			g.alone[s.Seen[0]] = text
		}
		return text, true, nil
	}
	text = g.receivers[s.Number]
	if text == "" {
		text = "[]"
	}
	var names []string
	for _, envelope := range s.Seen {
		name, ok := g.names[envelope]
		if !ok {
			continue // retention has removed it while its events are read again
		}
		if names == nil {
			if names, err = parseReceivers(text); err != nil {
				return text, false, fmt.Errorf("episode %d: %w", s.Number, err)
			}
		}
		if name = storage.Unescape(name); !slices.Contains(names, name) {
			names = append(names, name)
			changed = true
		}
	}
	if changed {
		slices.Sort(names)
		text = appendReceivers(names)
	}
	return text, changed, nil
}

func appendReceivers(names []string) string {
	text := []byte{'['}
	for i, name := range names {
		if i > 0 {
			text = append(text, ',')
		}
		text = storage.AppendString(text, name)
	}
	return string(append(text, ']'))
}

// parseReceivers is the inverse of appendReceivers. The names share text.
func parseReceivers(text string) (names []string, err error) {
	names = make([]string, 0, 1+strings.Count(text, `","`))
	rest, ok := strings.CutPrefix(text, "[")
	for ok && rest != "]" {
		var name string
		name, rest, ok = storage.CutString(rest)
		names = append(names, name)
		rest = strings.TrimPrefix(rest, ",")
	}
	if !ok {
		return nil, fmt.Errorf("stored text is not an array of receivers: %.80q", text)
	}
	return names, nil
}

const (
	repeatSQL = `UPDATE episodes SET last_at = ?, receipts = ?, details = ?, envelope = ? WHERE number = ?`
	changeSQL = `UPDATE episodes SET class = ?, starts_at = ?, until = ?, bits = ?, first_at = ?, resolved_at = ?,
		last_at = ?, receipts = ?, details = ?, envelope = ?, receivers = ? WHERE number = ?`
	episodeValues    = 14
	insertEpisodeSQL = `INSERT OR FAIL INTO episodes (number, class, label_set, source, starts_at, until, bits, first_at, resolved_at,
		last_at, receipts, details, envelope, receivers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// insertEpisodesSQL inserts rowsAtOnce.
var insertEpisodesSQL = insertEpisodeSQL + strings.Repeat(`, (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, rowsAtOnce-1)

// write writes the states of the page that have changed.
func (f *folder) write(c *conn, l *limits) error {
	for i, a := range f.page.alerts {
		for j := range f.page.states[i] {
			s := &f.page.states[i][j]
			if s.Change == fold.Same {
				continue
			}
			receivers, more, err := f.page.receiversOf(s)
			if err != nil {
				return err
			}
			switch {
			case s.Number == 0:
				l.number++
				s.Number = l.number
				err = f.insert(c, a.Set, f.page.sources[a.Source], s, receivers)
			case s.Change == fold.Changed || more:
				_, err = c.exec(context.Background(), changeSQL, int64(durationClass(s)), s.StartsAt.Micros, untilValue(s), bitsOf(s), s.FirstAt, s.ResolvedAt,
					s.LastAt, s.Receipts, s.Details, s.Envelope, receivers, s.Number)
			default:
				_, err = c.exec(context.Background(), repeatSQL, s.LastAt, s.Receipts, s.Details, s.Envelope, s.Number)
			}
			for n := 0; n < len(s.Moved) && err == nil; n++ {
				_, err = c.exec(context.Background(), `INSERT INTO beginnings (label_set, starts_at, nanos, episode) VALUES (?, ?, ?, ?)`,
					a.Set, s.Moved[n].Micros, int64(s.Moved[n].Nanos), s.Number)
				l.moved = true
			}
			if err != nil {
				return fmt.Errorf("episode %d of label set %d: %w", s.Number, a.Set, err)
			}
		}
	}
	return nil
}

func (f *folder) insert(c *conn, set, source int64, s *fold.State, receivers string) error {
	f.values = append(f.values, s.Number, int64(durationClass(s)), set, source, s.StartsAt.Micros, untilValue(s), bitsOf(s), s.FirstAt, s.ResolvedAt,
		s.LastAt, s.Receipts, s.Details, s.Envelope, receivers)
	if len(f.values) < rowsAtOnce*episodeValues {
		return nil
	}
	_, err := c.exec(context.Background(), insertEpisodesSQL, f.values...)
	f.values = f.values[:0]
	return err
}

// insertRest inserts the rows that wait.
func (f *folder) insertRest(c *conn) error {
	for rest := f.values; len(rest) > 0; rest = rest[episodeValues:] {
		if _, err := c.exec(context.Background(), insertEpisodeSQL, rest[:episodeValues]...); err != nil {
			return fmt.Errorf("insert episode %v: %w", rest[0], err)
		}
	}
	clear(f.values[:cap(f.values)])
	f.values = f.values[:0]
	return nil
}

func durationClass(s *fold.State) int { return fold.ClassOf(s.StartsAt, s.Until()) }

func untilValue(s *fold.State) driver.Value {
	if until := s.Until(); !until.IsNone() {
		return until.Micros
	}
	return nil
}

func bitsOf(s *fold.State) int64 {
	until := s.Until()
	if until.IsNone() {
		until.Nanos = 0
	}
	bits := int64(storage.PackBits(s.Status, s.StartsAt, until))
	if s.Unfired {
		bits |= unfired
	}
	return bits
}
