package postgres

import (
	"math"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

// BenchmarkFold writes as BenchmarkWrite does and folds as the pipeline does: when
// ten times as long as the last fold took has gone by. rows/s is to be compared with
// that of BenchmarkWrite.
func BenchmarkFold(b *testing.B) {
	b.Run("entries=known", func(b *testing.B) { benchmarkFold(b, func(batch *alert.Batch, n int) {}) })
	b.Run("entries=details", func(b *testing.B) {
		benchmarkFold(b, func(batch *alert.Batch, n int) { renew(batch, n, false) })
	})
	b.Run("entries=new", func(b *testing.B) {
		benchmarkFold(b, func(batch *alert.Batch, n int) { renew(batch, n, true) })
	})
}

func benchmarkFold(b *testing.B, change func(batch *alert.Batch, n int)) {
	s, _ := openBench(b)
	ctx := b.Context()
	batch := foldedBatch()
	fold := func() time.Duration {
		began := time.Now()
		for more := true; more; {
			var err error
			if more, err = s.Fold(ctx); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began)
	}
	if err := s.Write(ctx, batch); err != nil {
		b.Fatal(err)
	}
	fold()
	folds, folding := 0, time.Duration(0)
	due := time.Now()
	cpu := serverCPU(b, s)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		b.StopTimer()
		advance(batch)
		change(batch, n)
		b.StartTimer()
		if err := s.Write(ctx, batch); err != nil {
			b.Fatal(err)
		}
		if time.Now().After(due) || s.Pending() >= 0.5 || n == b.N-1 {
			took := fold()
			folding += took
			folds++
			due = time.Now().Add(10 * took)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)*benchEvents/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((serverCPU(b, s)-cpu).Microseconds())/float64(b.N*benchEvents), "server-µs/row")
	b.ReportMetric(float64(folding.Microseconds())/1000/float64(folds), "ms/fold")
	b.ReportMetric(float64(b.N*benchEvents)/float64(folds), "rows/fold")
	b.ReportMetric(float64(folding.Nanoseconds())/float64(b.N*benchEvents), "fold-ns/row")
	b.ReportMetric(100*hotUpdates(b, s), "%hot")
}

// foldedBatch is stormBatch with alerts that began all at once, so that each comes
// again and again with one beginning.
func foldedBatch() *alert.Batch {
	batch := stormBatch()
	for i := range batch.Events {
		batch.Events[i].StartsAt = batch.Events[0].StartsAt
	}
	return batch
}

// hotUpdates returns which part of the updates of episodes left the indexes alone.
func hotUpdates(b *testing.B, s *Store) (part float64) {
	b.Helper()
	c, release, err := s.pool.acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	const sql = `SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'episodes'`
	err = query(b.Context(), c, sql, arguments{}, func(v row) error {
		part = float64(v.int8(0)) / float64(max(1, v.int8(1)))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return part
}

// BenchmarkRebuild folds 250 000 events of 2 000 label sets from position 0.
func BenchmarkRebuild(b *testing.B) {
	s, _ := openBench(b)
	batch := foldedBatch()
	for range 50 {
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		advance(batch)
	}
	b.ResetTimer()
	for range b.N {
		if err := s.ForgetEpisodes(b.Context()); err != nil {
			b.Fatal(err)
		}
		for more := true; more; {
			var err error
			if more, err = s.Fold(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*50*benchEvents/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkEpisodes reads from a million episodes of 2 000 label sets, 100 000 a day
// (seldom=…: 50 of each in 30 days): of five in six the end is known, one in ten
// lasts for hours, and each label set has an open one.
func BenchmarkEpisodes(b *testing.B) {
	b.Run("seldom", func(b *testing.B) { benchmarkEpisodes(b, 50, 30) })
	b.Run("often", func(b *testing.B) { benchmarkEpisodes(b, 500, 10) })
}

func benchmarkEpisodes(b *testing.B, each, days int64) {
	s, _ := openBench(b)
	batch := foldedBatch()
	if err := s.Write(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = s.Fold(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	s.addEpisodes(b, each, days)
	const now = 1_780_000_000_000_000
	day := func(n float64) int64 { return now - int64(n*microsPerDay) }
	at := day(1.5)
	for _, bench := range []struct {
		name, filter string
		q            alert.EpisodeQuery
	}{
		{"newest=100", "", alert.EpisodeQuery{Limit: 100}},
		{"at", "", alert.EpisodeQuery{At: &at}},
		{"at/newest=100", "", alert.EpisodeQuery{At: &at, Limit: 100}},
		{"open", "", alert.EpisodeQuery{Open: true}},
		{"sets=1", `pod="service-7-7d9c5b6f4-x2k7"`, alert.EpisodeQuery{}},
		{"sets=1/day", `pod="service-7-7d9c5b6f4-x2k7"`, alert.EpisodeQuery{From: day(2), To: day(1)}},
		{"sets=50/newest=100", `namespace="team-3"`, alert.EpisodeQuery{Limit: 100}},
		{"sets=50/day", `namespace="team-3"`, alert.EpisodeQuery{From: day(2), To: day(1)}},
		{"sets=2000/newest=100", `severity=~"crit.*"`, alert.EpisodeQuery{Limit: 100}},
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
				var err error
				if q.Matchers, err = alert.ParseMatchers(bench.filter); err != nil {
					b.Fatal(err)
				}
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Episodes(b.Context(), &q, func(*alert.Episode) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "episodes/op")
		})
	}
	for _, bench := range []struct {
		name string
		q    alert.EpisodeQuery
	}{
		{"day", alert.EpisodeQuery{From: day(2), To: day(1)}},
		{"at", alert.EpisodeQuery{From: at, To: at + 1}},
		{"open", alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, Open: true}},
	} {
		b.Run("counts/"+bench.name, func(b *testing.B) {
			n := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.EpisodeCounts(b.Context(), &bench.q, func(c *alert.EpisodeCount) error { n += c.Episodes; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "episodes/op")
		})
	}
}

// addEpisodes makes rows as folding would, in the order of their beginnings.
func (s *Store) addEpisodes(b *testing.B, each, days int64) {
	b.Helper()
	c, release, err := s.pool.acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	var a arguments
	number, per := a.int8(each*benchSets), a.int8(days*microsPerDay/(each*benchSets))
	sql := `INSERT INTO episodes (number, label_set, details, envelope, starts_at, ends_at, superseded_at, first_received_at, last_received_at,
			resolved_at, receipts, source, bits, class, unfired, receivers)
		SELECT 1000000 + n, e.label_set, e.details, e.envelope, at, CASE WHEN n % 6 > 0 THEN at + lasted END, CASE WHEN n % 6 = 0 THEN at + lasted END,
			at, at + lasted, CASE WHEN n % 6 > 0 THEN at + lasted END, 100, e.source, (n % 6 > 0)::int,
			greatest(0, floor(log(2, (extract(epoch FROM lasted) * 1e6)::numeric))::int + 1 - 20), false, e.receivers
		FROM (SELECT n, '2026-05-28T20:26:40Z'::timestamptz - (` + number + ` - n) * ` + per + ` * interval '1 microsecond' AS at,
				CASE WHEN n % 10 = 0 THEN interval '1 hour' ELSE interval '1 minute' END * (1 + n % 7) AS lasted
			FROM generate_series(1, ` + number + `) n) x
		JOIN episodes e ON e.number = 1 + n % ` + a.int8(benchSets) + ` ORDER BY n`
	if err := exec(b.Context(), c, sql, a); err != nil {
		b.Fatal(err)
	}
	if err := c.Exec(b.Context(), `VACUUM ANALYZE episodes`).Close(); err != nil {
		b.Fatal(err)
	}
}
