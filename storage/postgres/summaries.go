package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
)

// summarizeEvery is after how many events of a day its BRIN index is brought up
// to date. What is not summarized is read by every question about that day, and
// autovacuum comes once a minute: in a storm that is millions of rows. 100 000
// events take some 10 ms to summarize.
const summarizeEvery = 100_000

// summaries counts the events of each day that its BRIN index may not cover.
type summaries struct {
	mu   sync.Mutex
	rows map[int64]int // by day since 1970
}

func newSummaries() *summaries { return &summaries{rows: map[int64]int{}} }

// due counts a batch that was written and returns the day whose turn it is. A
// batch is counted for the day that it ends in.
func (z *summaries) due(b *alert.Batch) (day int64, ok bool) {
	if len(b.Deliveries) == 0 {
		return 0, false
	}
	day = dayOf(b.Deliveries[len(b.Deliveries)-1].ReceivedAt)
	z.mu.Lock()
	defer z.mu.Unlock()
	z.rows[day] += len(b.Events)
	if z.rows[day] < summarizeEvery {
		return 0, false
	}
	clear(z.rows) // days that are over are left to autovacuum
	return day, true
}

// summarize brings one day's index up to date. That it cannot is no error: a
// vacuum holds the lock and does the same, and the batch is stored either way.
// The wait is shorter than the one after which the server would cancel it.
func summarize(ctx context.Context, c *pgconn.PgConn, day int64) {
	err := c.Exec(ctx, fmt.Sprintf(`BEGIN; SET LOCAL lock_timeout = '20ms';
		SELECT brin_summarize_new_values(i.indexrelid) FROM pg_index i
		JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
		WHERE i.indrelid = to_regclass('events_%s') AND m.amname = 'brin'; COMMIT`, dayName(day))).Close()
	if err != nil {
		rollback(ctx, c)
	}
}
