package postgres

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"stormdrain/internal/alert"
	"stormdrain/internal/pgtest"
	"stormdrain/storage/storagetest"
)

const (
	benchEvents   = 5000 // a batch
	benchDelivery = 10   // events a delivery
	benchSets     = 2000
)

var benchJournal = alert.ID{1}

// BenchmarkWrite reports rows of the events table a second, fsync included.
//
//	entries=known      a storm: the same label sets and annotations again and again
//	entries=details    every annotation is new: "93.2 % full"
//	entries=new        every label set is new, too
//	entries=known/rows=pgx   the rows by pgx.CopyFrom, for comparison
func BenchmarkWrite(b *testing.B) {
	b.Run("entries=known", func(b *testing.B) { benchmarkWrite(b, func(batch *alert.Batch, n int) {}) })
	b.Run("entries=details", func(b *testing.B) {
		benchmarkWrite(b, func(batch *alert.Batch, n int) { renew(batch, n, false) })
	})
	b.Run("entries=new", func(b *testing.B) {
		benchmarkWrite(b, func(batch *alert.Batch, n int) { renew(batch, n, true) })
	})
	b.Run("entries=known/rows=pgx", benchmarkPgx)
}

func benchmarkWrite(b *testing.B, change func(batch *alert.Batch, n int)) {
	s, _ := openBench(b)
	ctx := b.Context()
	batch := stormBatch()
	if err := s.Write(ctx, batch); err != nil {
		b.Fatal(err)
	}
	cpu, wal := serverCPU(b, s), walBytes(b, s)
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
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)*benchEvents/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((serverCPU(b, s)-cpu).Microseconds())/float64(b.N*benchEvents), "server-µs/row")
	b.ReportMetric(float64(walBytes(b, s)-wal)/float64(b.N*benchEvents), "WAL-B/row")
	b.ReportMetric(bytesPerEvent(b, s), "B/event")
}

// serverCPU returns the processor time of the server's process behind the
// store's connection, which other work on the machine changes less than the rate.
func serverCPU(b *testing.B, s *Store) time.Duration {
	b.Helper()
	c, release, err := s.pool.acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.PID()))
	if err != nil {
		b.Fatal(err)
	}
	// pid (name) state …; user and system time are fields 14 and 15, in hundredths.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}

// walBytes returns how much the server has written to its log.
func walBytes(b *testing.B, s *Store) (bytes int64) {
	b.Helper()
	const sql = `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint`
	err := reader{pool: s.pool}.query(b.Context(), sql, arguments{}, func(v row) error { bytes = v.int8(0); return nil })
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}

// benchmarkPgx sends the rows of the same batch with pgx's own CopyFrom.
func benchmarkPgx(b *testing.B) {
	s, url := openBench(b)
	ctx := b.Context()
	batch := stormBatch()
	if err := s.Write(ctx, batch); err != nil {
		b.Fatal(err)
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(ctx)
	numbers := make([]int64, len(batch.Entries))
	s.numbers.lookup(batch.Entries, numbers, nil)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		advance(batch)
		b.StartTimer()
		if err := writeByPgx(ctx, c, batch, numbers); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchEvents/b.Elapsed().Seconds(), "rows/s")
}

func writeByPgx(ctx context.Context, c *pgx.Conn, batch *alert.Batch, numbers []int64) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, `UPDATE journals SET position = $1 WHERE id = $2 AND position = $3`, int64(batch.To), batch.Journal, int64(batch.From)); err != nil {
		return err
	}
	rows := appendParts(nil, batch)
	source := pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		p := rows[i]
		d, events := &batch.Deliveries[p.delivery], batch.Events[p.first:p.last]
		var labels, details []int64
		var starts []time.Time
		for j := range events {
			labels = append(labels, numbers[events[j].Labels])
			details = append(details, numbers[events[j].Details])
			starts = append(starts, time.UnixMicro(events[j].StartsAt.Micros))
		}
		return []any{time.UnixMicro(d.ReceivedAt), alert.DeliveryNumber(1, d.Seq), p.number, events[0].Index, numbers[d.Envelope],
			int64(d.TruncatedAlerts), p.total, d.Source, d.RequestID, labels, details, starts, nil, nil}, nil
	})
	columns := []string{"received_at", "id", "part", "first_event", "envelope", "truncated_alerts", "events", "source", "request_id",
		"label_sets", "details", "starts_at", "ends_at", "bits"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"deliveries"}, columns, source); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func openBench(b *testing.B) (s *Store, url string) {
	b.Helper()
	cfg := DefaultConfig()
	cfg.URL = pgtest.Start(b).CreateDatabase("bench")
	s, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if _, err := s.Position(b.Context(), benchJournal); err != nil {
		b.Fatal(err)
	}
	return s, cfg.URL
}

// stormBatch makes the first batch: 500 deliveries of 10 alerts each.
func stormBatch() *alert.Batch {
	var deliveries []storagetest.Delivery
	for i := range benchEvents / benchDelivery {
		d := storagetest.Delivery{
			Seq: uint64(i + 1), ReceivedAt: 1_780_000_000_000_000 + int64(i)*100, RequestID: fmt.Sprintf("%016x", i),
			Envelope: alert.Envelope{Receiver: "default", GroupKey: `{}:{alertname="Storm"}`, ExternalURL: "http://alertmanager:9093"},
		}
		for j := range benchDelivery {
			n := (i*benchDelivery + j) % benchSets
			d.Alerts = append(d.Alerts, storagetest.Alert{
				Index: int32(j), StartsAt: alert.Time{Micros: d.ReceivedAt}, EndsAt: alert.NoTime,
				Labels: benchLabels(n), Details: benchDetails(n),
			})
		}
		deliveries = append(deliveries, d)
	}
	return storagetest.Batch(benchJournal, 0, deliveries...)
}

func benchLabels(n int) alert.LabelSet {
	return storagetest.Labels("alertname", "KubePodCrashLooping", "cluster", "prod-eu-1", "container", "app",
		"instance", fmt.Sprintf("10.%d.%d.%d:8080", n>>16&255, n>>8&255, n&255), "job", "kube-state-metrics", "namespace", fmt.Sprint("team-", n%40),
		"pod", fmt.Sprintf("service-%d-7d9c5b6f4-x2k%d", n%97, n), "prometheus", "monitoring/k8s", "severity", "critical")
}

func benchDetails(n int) alert.Details {
	return alert.Details{
		Annotations: storagetest.Pairs(
			"description", fmt.Sprintf("Pod team/service-%d is in waiting state (reason: \"CrashLoopBackOff\"), %d.%d %% of its memory is used.", n, n%100, n%10),
			"runbook_url", "https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodcrashlooping",
			"summary", "Pod is crash looping."),
		GeneratorURL: "http://prometheus:9090/graph?g0.expr=max_over_time%28kube_pod_container_status_waiting_reason%5B5m%5D%29+%3E%3D+1&g0.tab=1",
	}
}

// advance makes the next batch of the same events out of one.
func advance(b *alert.Batch) {
	b.From = b.To
	for i := range b.Deliveries {
		b.Deliveries[i].Seq += uint64(len(b.Deliveries))
		b.Deliveries[i].ReceivedAt += 50_000
	}
	b.To = b.Deliveries[len(b.Deliveries)-1].Seq
}

// renew gives every event details of its own, and a label set if sets is true.
func renew(b *alert.Batch, n int, sets bool) {
	kept := b.Entries[:0:0]
	if sets {
		kept = append(kept, b.Entries[b.Deliveries[0].Envelope])
		for i := range b.Deliveries {
			b.Deliveries[i].Envelope = 0
		}
	} else {
		for _, e := range b.Entries {
			if e.Kind() != alert.KindDetails {
				kept = append(kept, e)
			}
		}
		if n == 0 {
			renumber(b, kept)
		}
	}
	for i := range b.Events {
		number := benchSets + n*benchEvents + i
		if sets {
			set := benchLabels(number)
			b.Events[i].Labels = int32(len(kept))
			kept = append(kept, storagetest.NewEntry(alert.KindLabelSet, set.Append(nil)))
		}
		details := benchDetails(number)
		b.Events[i].Details = int32(len(kept))
		kept = append(kept, storagetest.NewEntry(alert.KindDetails, details.Append(nil)))
	}
	b.Entries = kept
}

// renumber points deliveries and events to the entries that are kept.
func renumber(b *alert.Batch, kept []alert.Entry) {
	at := map[alert.ID]int32{}
	for i, e := range kept {
		at[e.ID()] = int32(i)
	}
	for i := range b.Deliveries {
		b.Deliveries[i].Envelope = at[b.Entries[b.Deliveries[i].Envelope].ID()]
	}
	for i := range b.Events {
		b.Events[i].Labels = at[b.Entries[b.Events[i].Labels].ID()]
	}
}

// bytesPerEvent is what deliveries take with their indexes.
func bytesPerEvent(b *testing.B, s *Store) (bytes float64) {
	b.Helper()
	c, release, err := s.pool.acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	const sql = `SELECT sum(pg_total_relation_size(relid))::bigint, (SELECT sum(cardinality(label_sets))::bigint FROM deliveries)
		FROM pg_partition_tree('deliveries')`
	err = query(b.Context(), c, sql, arguments{}, func(v row) error {
		bytes = float64(v.int8(0)) / float64(v.int8(1))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}
