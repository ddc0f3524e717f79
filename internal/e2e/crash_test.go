package e2e

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

const (
	crashConnections = 48
	crashRate        = 1500 // deliveries a second, 8.2 alerts each on average
	ackLimit         = 60 * time.Second
)

// TestCrashProgram kills the program with SIGKILL under load, again and again,
// and then asks whether a 2xx was true. With small segments it begins new ones
// and removes old ones all the time.
func TestCrashProgram(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) { crashProgram(t, store) })
	t.Run("segments=small", func(t *testing.T) { crashProgram(t, &testStore{}, "--journal.segment-bytes=64KiB") })
}

func crashProgram(t *testing.T, store *testStore, flags ...string) {
	p := startProgram(t, append(flags, store.flags...)...)
	l := startLoad(p, crashConnections, crashRate)
	rnd := random(t)
	for range rounds(t) {
		killOnce(p, l, rnd)
	}
	l.waitAcked(100, ackLimit)
	l.stop()
	p.client().waitAtRest()
	verify(t, l, store, p)
}

// TestCrashAckCommit looks into the store while the program is dead: with
// journal.ack commit, what was acknowledged must be there already.
func TestCrashAckCommit(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, append(store.flags, "--journal.ack=commit")...)
		l := startLoad(p, crashConnections, crashRate)
		rnd := random(t)
		for range 3 {
			l.waitAcked(1+rnd.IntN(400), ackLimit)
			p.kill9()
			l.mustBeStored(store, p)
			p.start()
		}
		l.stop()
		p.client().waitAtRest()
		verify(t, l, store, p)
	})
}

// mustBeStored checks by SQL alone that the first alert of each delivery that
// has been acknowledged is stored. The program must be dead.
func (l *load) mustBeStored(store *testStore, p *program) {
	l.t.Helper()
	stored := make(map[string]bool)
	store.query(p, `SELECT CAST(starts_at AS TEXT) FROM alert_events`, func(found rows) error {
		var at string
		err := found.Scan(&at)
		stored[storedInstant(at)] = true
		return err
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.acked {
		if !stored[micros(&loadEvents(n)[0].StartsAt)] {
			l.t.Fatalf("delivery %d was acknowledged and is not in the store of the dead program", n)
		}
	}
}

// killOnce kills at a moment chosen by how far the load has come, so that it
// falls anywhere in the work; in one of four rounds while the program starts.
func killOnce(p *program, l *load, rnd *rand.Rand) {
	p.t.Helper()
	l.waitAcked(1+rnd.IntN(800), ackLimit)
	p.kill9()
	if rnd.IntN(4) == 0 {
		p.spawn()
		timer := time.NewTimer(time.Duration(rnd.IntN(80)) * time.Millisecond)
		<-timer.C // the moment of the kill, not a wait for something
		p.kill9()
	}
	p.start()
}

// TestCrashPostgres kills PostgreSQL under load. Nobody who sends may notice.
func TestCrashPostgres(t *testing.T) {
	store := newPostgres(t)
	p := startProgram(t, store.flags...)
	l := startLoad(p, crashConnections, crashRate/2)
	rnd := random(t)
	for range min(rounds(t), 1+rounds(t)/4) {
		l.waitAcked(1+rnd.IntN(600), ackLimit)
		store.postgres.Kill9()
		l.waitAcked(1+rnd.IntN(600), ackLimit) // taken without a store
		mustBeReady(t, p.client())
		store.postgres.Restart()
	}
	l.waitAcked(100, ackLimit)
	l.stop()
	l.mustTakeAll()
	p.client().waitAtRest()
	verify(t, l, store, p)
}

// TestCrashBoth kills the program while PostgreSQL is dead, so that the
// backlog of one run is stored by the next.
func TestCrashBoth(t *testing.T) {
	store := newPostgres(t)
	p := startProgram(t, store.flags...)
	l := startLoad(p, crashConnections, crashRate/2)
	rnd := random(t)
	for range min(rounds(t), 1+rounds(t)/8) {
		l.waitAcked(1+rnd.IntN(600), ackLimit)
		store.postgres.Kill9()
		l.waitAcked(1+rnd.IntN(600), ackLimit)
		killOnce(p, l, rnd)
		mustBeReady(t, p.client())
		store.postgres.Restart()
	}
	l.stop()
	p.client().waitAtRest()
	verify(t, l, store, p)
}

// TestCrashPostgresAbsentAtStart starts without a database.
func TestCrashPostgresAbsentAtStart(t *testing.T) {
	store := newPostgres(t)
	store.postgres.Stop()
	p := startProgram(t, store.flags...)
	l := startLoad(p, crashConnections, crashRate)
	l.waitAcked(500, ackLimit)
	mustBeReady(t, p.client())
	if m := p.client().metrics(); m["store_up"] != 0 || m["journal_backlog_deliveries"] == 0 {
		t.Errorf("store_up %v and a backlog of %v deliveries without a store", m["store_up"], m["journal_backlog_deliveries"])
	}
	store.postgres.Restart()
	l.waitAcked(500, ackLimit)
	l.stop()
	l.mustTakeAll()
	p.client().waitAtRest()
	verify(t, l, store, p)
}

func mustBeReady(t *testing.T, c *client) {
	t.Helper()
	if got := c.do(http.MethodGet, "/-/ready", nil); got.code != http.StatusOK {
		t.Errorf("not ready without a store: %d %s", got.code, got.body)
	}
}
