package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
)

const microsPerDay = 24 * 3600 * 1_000_000

// partitions knows for which UTC days this process has seen that there are
// partitions, counted in days since 1970.
type partitions struct {
	mu    sync.Mutex
	known map[int64]struct{}
}

func newPartitions() *partitions { return &partitions{known: map[int64]struct{}{}} }

func (p *partitions) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.known)
}

// unknown returns the days of the deliveries that are not known, each once. A
// batch is in order of time, so that most deliveries are of the day before them.
func (p *partitions) unknown(deliveries []alert.Delivery) (days []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var seen map[int64]struct{}
	last, first := int64(0), true
	for i := range deliveries {
		day := dayOf(deliveries[i].ReceivedAt)
		if !first && day == last {
			continue
		}
		last, first = day, false
		// The next day, too, so that it is there before midnight.
		for _, d := range [...]int64{day, day + 1} {
			if _, ok := p.known[d]; ok {
				continue
			}
			if _, ok := seen[d]; ok {
				continue
			}
			if seen == nil {
				seen = map[int64]struct{}{}
			}
			seen[d] = struct{}{}
			days = append(days, d)
		}
	}
	return days
}

func (p *partitions) add(days []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range days {
		p.known[d] = struct{}{}
	}
}

// ensure makes the partitions that the deliveries need, in a transaction of its
// own, so that a batch that is refused later does not hold up others.
func (p *partitions) ensure(ctx context.Context, c *pgconn.PgConn, deliveries []alert.Delivery) error {
	days := p.unknown(deliveries)
	if len(days) == 0 {
		return nil
	}
	if err := makePartitions(ctx, c, days); err != nil {
		rollback(ctx, c)
		return fmt.Errorf("make partitions for %d days from %s on: %w", len(days), dayName(days[0]), err)
	}
	p.add(days)
	return nil
}

// makePartitions makes each table by itself and attaches it then: that takes a
// lock on the parent which lets reads and writes go on, and the table is empty,
// so that there is nothing to check. Processes take turns by an advisory lock.
func makePartitions(ctx context.Context, c *pgconn.PgConn, days []int64) error {
	sql := fmt.Sprintf(`BEGIN; SELECT pg_advisory_xact_lock(%d)`, lockPartitions)
	if err := c.Exec(ctx, sql).Close(); err != nil {
		return err
	}
	for _, day := range days {
		if err := makePartition(ctx, c, day); err != nil {
			return err
		}
	}
	return c.Exec(ctx, `COMMIT`).Close()
}

func makePartition(ctx context.Context, c *pgconn.PgConn, day int64) error {
	name := partitionName(day)
	var a arguments
	there := false
	err := query(ctx, c, `SELECT to_regclass(`+a.text(name)+`) IS NOT NULL`, a, func(v row) error {
		there = v[0][0] != 0
		return nil
	})
	if err != nil || there {
		return err
	}
	// Nothing is planned by what is in the arrays, and to analyze them keeps
	// autovacuum busy for as long as a storm lasts.
	return c.Exec(ctx, fmt.Sprintf(`CREATE TABLE %[1]s (LIKE deliveries INCLUDING DEFAULTS);
		ALTER TABLE %[1]s ALTER label_sets SET STATISTICS 0, ALTER details SET STATISTICS 0, ALTER starts_at SET STATISTICS 0,
			ALTER ends_at SET STATISTICS 0, ALTER bits SET STATISTICS 0;
		ALTER TABLE deliveries ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')`,
		name, dayBound(day), dayBound(day+1))).Close()
}

func dayOf(micros int64) int64 {
	day := micros / microsPerDay
	if micros%microsPerDay < 0 {
		day--
	}
	return day
}

func dayStart(day int64) time.Time { return time.UnixMicro(day * microsPerDay).UTC() }

func partitionName(day int64) string { return "deliveries_" + dayName(day) }

func dayName(day int64) string { return dayStart(day).Format("20060102") }

// dayBound spells the start of a day as PostgreSQL reads it: there is no year 0,
// the year before 1 is 1 BC.
func dayBound(day int64) string {
	t := dayStart(day)
	if t.Year() <= 0 {
		return fmt.Sprintf("%04d-%02d-%02d 00:00:00+00 BC", 1-t.Year(), t.Month(), t.Day())
	}
	return fmt.Sprintf("%04d-%02d-%02d 00:00:00+00", t.Year(), t.Month(), t.Day())
}
