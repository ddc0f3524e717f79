package e2e

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// ledger holds what is stored against what a load has sent.
type ledger struct {
	sent int              // deliveries 0 to sent-1
	seen map[int]*big.Int // by delivery: one bit for each alert that is stored

	cached int // the delivery that want belongs to, -1 for none
	want   []*event
	faults []string
}

func newLedger(sent int) *ledger {
	return &ledger{sent: sent, seen: make(map[int]*big.Int), cached: -1}
}

// verify reads everything back and checks that what was acknowledged is stored,
// that nothing is stored twice, in part or altered, and that nothing is stored
// that was not sent. The load must have stopped and the program be at rest.
func verify(t *testing.T, l *load, store *testStore, p *program) {
	t.Helper()
	b := newLedger(l.sent)
	events := 0
	p.client().stream("", func(e *event) {
		events++
		b.enter(e)
	})
	b.close(l.acked)
	const printed = 10
	for _, fault := range b.faults[:min(printed, len(b.faults))] {
		t.Error(fault)
	}
	for answer := range l.refused {
		if !strings.HasPrefix(answer, "503 ") {
			t.Errorf("answer %q: only 503 is tried again", answer)
		}
	}
	verifyView(t, store, p, events)
	t.Logf("%s; stored %d deliveries with %d alerts; faults %d", l, len(b.seen), events, len(b.faults))
}

// enter takes one stored event.
func (b *ledger) enter(e *event) {
	n, err := strconv.Atoi(strings.TrimPrefix(e.RequestID, "load-"))
	i, err2 := strconv.Atoi(e.Annotations["i"])
	if err != nil || err2 != nil || n < 0 || n >= b.sent || i < 0 || i >= loadAlerts(n) {
		b.fault("stored and never sent: request %q, annotations %q", e.RequestID, e.Annotations)
		return
	}
	if b.cached != n {
		b.cached, b.want = n, loadEvents(n)
	}
	if d := difference(b.want[i], e); d != "" {
		b.fault("delivery %d, alert %d is altered:%s", n, i, d)
	}
	if b.seen[n] == nil {
		b.seen[n] = new(big.Int)
	}
	if b.seen[n].Bit(i) == 1 {
		b.fault("delivery %d, alert %d is stored twice", n, i)
	}
	b.seen[n].SetBit(b.seen[n], i, 1)
}

// close finds deliveries that are stored in part, and those that were
// acknowledged and are not stored.
func (b *ledger) close(acked []int) {
	for n, bits := range b.seen {
		full := new(big.Int).Lsh(big.NewInt(1), uint(loadAlerts(n)))
		if bits.Cmp(full.Sub(full, big.NewInt(1))) != 0 {
			b.fault("delivery %d is stored in part: %b of %d alerts", n, bits, loadAlerts(n))
		}
	}
	for _, n := range acked {
		if b.seen[n] == nil {
			b.fault("delivery %d was acknowledged and is not stored", n)
		}
	}
}

func (b *ledger) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// TestLedgerFindsFaults checks the checker: each of the ways to be wrong must
// be found, and what is right must not.
func TestLedgerFindsFaults(t *testing.T) {
	f := func(fault string, tamper func([]*event) []*event) {
		t.Helper()
		b := newLedger(3)
		var stored []*event
		for n := range 3 {
			stored = append(stored, loadEvents(n)...)
		}
		for _, e := range tamper(stored) {
			b.enter(e)
		}
		b.close([]int{0, 2}) // 1 is in doubt
		if found := strings.Join(b.faults, "\n"); (fault == "") != (found == "") || !strings.Contains(found, fault) {
			t.Errorf("found %q, want %q", found, fault)
		}
	}
	f("", func(all []*event) []*event { return all })
	f("", func(all []*event) []*event { return slices.Delete(all, 100, 110) })
	f("delivery 2 was acknowledged and is not stored", func(all []*event) []*event { return all[:110] })
	f("delivery 0 is stored in part", func(all []*event) []*event { return all[1:] })
	f("delivery 0, alert 0 is stored twice", func(all []*event) []*event { return append(all, all[0]) })
	f("stored and never sent", func(all []*event) []*event { return append(all, loadEvents(3)...) })
	f("delivery 0, alert 7 is altered", func(all []*event) []*event {
		all[7].Labels["severity"] = "critical"
		return all
	})
}

// verifyView counts the rows of the view, which must be those of the API, and
// looks for doubles by the identity that the program gave them and by the
// microsecond that the load did.
func verifyView(t *testing.T, store *testStore, p *program, events int) {
	t.Helper()
	const statement = `SELECT count(*), count(DISTINCT id), count(DISTINCT starts_at) FROM alert_events`
	store.query(p, statement, func(found rows) error {
		counts := make([]int, 3)
		if err := found.Scan(&counts[0], &counts[1], &counts[2]); err != nil {
			return err
		}
		if want := []int{events, events, events}; !slices.Equal(counts, want) {
			t.Errorf("alert_events has %d rows, %d ids and %d times of start; the API has %d events", counts[0], counts[1], counts[2], events)
		}
		return nil
	})
}
