package sqlite

import (
	"context"
	"fmt"
	"math"
	"testing"

	"stormdrain/internal/alert"
)

// BenchmarkEpisodes reads from two million episodes of 2 000 label sets, 100 000 a day:
// of five in six the end is known, one in ten lasts for hours, and each label set has
// an open one.
func BenchmarkEpisodes(b *testing.B) {
	const each, days = 1000, 20
	s := open(b, temporary(b))
	f := newFeed(1, 2000, 10)
	mustPosition(b, s, f.journal)
	for range 4 {
		batch := f.lasting(0)
		for i := range batch.Events {
			batch.Events[i].StartsAt.Micros = now
		}
		mustWrite(b, s, batch)
	}
	mustFold(b, s)
	s.addEpisodes(b, each, days)
	day := func(n float64) int64 { return now - int64(n*86400e6) }
	at := day(1.5)
	for _, bench := range []struct {
		name, filter string
		q            alert.EpisodeQuery
	}{
		{"newest=100", "", alert.EpisodeQuery{Limit: 100}},
		{"newest=10000", "", alert.EpisodeQuery{Limit: 10000}},
		{"at", "", alert.EpisodeQuery{At: &at}},
		{"at/newest=100", "", alert.EpisodeQuery{At: &at, Limit: 100}},
		{"open", "", alert.EpisodeQuery{Open: true}},
		{"open/newest=100", "", alert.EpisodeQuery{Open: true, Limit: 100}},
		{"sets=1", `instance="node-000007.example.com:9100"`, alert.EpisodeQuery{}},
		{"sets=1/day", `instance="node-000007.example.com:9100"`, alert.EpisodeQuery{From: day(2), To: day(1)}},
		{"sets=40/newest=100", `alertname="DiskFull3"`, alert.EpisodeQuery{Limit: 100}},
		{"sets=40/day", `alertname="DiskFull3"`, alert.EpisodeQuery{From: day(2), To: day(1)}},
		{"sets=1000/newest=100", `severity=~"crit.*"`, alert.EpisodeQuery{Limit: 100}},
		{"day/newest=100", "", alert.EpisodeQuery{From: day(2), To: day(1), Limit: 100}},
		{"day/bare", "", alert.EpisodeQuery{From: day(2), To: day(1), Bare: true}},
		{"day", "", alert.EpisodeQuery{From: day(2), To: day(1)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			q := bench.q
			if q.From == 0 && q.To == 0 {
				q.From, q.To = math.MinInt64, math.MaxInt64
			}
			if bench.filter != "" {
				q.Matchers = matching(b, bench.filter).Matchers
			}
			n := 0
			for b.Loop() {
				if err := s.Episodes(b.Context(), &q, func(*alert.Episode) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "episodes/op")
		})
	}
}

const now = 1_780_000_000_000_000

// addEpisodes makes rows as folding would, in the order of their beginnings.
func (s *Store) addEpisodes(b *testing.B, each, days int64) {
	b.Helper()
	n := each * 2000
	sql := fmt.Sprintf(`
		WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < %d),
			y AS (SELECT n, %d - (%d - n) * %d AS at, 1000000 * (1 + n %% 7) * CASE WHEN n %% 10 = 0 THEN 3600 ELSE 60 END AS lasted FROM x)
		INSERT INTO episodes (number, class, label_set, source, starts_at, until, bits, first_at, resolved_at, last_at, receipts, details, envelope, receivers)
		SELECT 1000000 + n, max(0, floor(log2(lasted)) + 1 - 20), e.label_set, e.source, at, at + lasted, n %% 6 > 0, at, at + lasted, at + lasted, 100,
			e.details, e.envelope, e.receivers FROM y CROSS JOIN episodes e ON e.number = 1 + n %% 2000`, n, int64(now), n, days*86_400_000_000/n)
	err := s.writing(context.Background(), func(c *conn) error {
		if err := c.script(context.Background(), sql); err != nil {
			return err
		}
		return c.script(context.Background(), `PRAGMA wal_checkpoint(TRUNCATE)`)
	})
	if err != nil {
		b.Fatal(err)
	}
}
