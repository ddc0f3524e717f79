package main

import (
	"fmt"
	"slices"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/internal/config"
	"stormdrain/internal/live"
	"stormdrain/storage/storagetest"
)

// Who listens gets every event as the store gives it back, with the number that
// it has there: also those whose contents the store has known for long, and those
// that a process after a crash stores.
func TestListenersGetWhatIsStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var got []*alert.Stored
	take := func(r *live.Reader, n int) {
		t.Helper()
		for len(got) < n {
			<-r.Ready()
			for line, ok := r.Take(); ok; line, ok = r.Take() {
				if line.Event == nil {
					t.Fatalf("%d events are lost", line.Lost)
				}
				got = append(got, line.Event)
			}
		}
	}
	p := openParts(t, dir, nil)
	r := p.pipe.Live().Listen(&alert.Query{})
	p.send(0, 10)
	take(r, 20)
	for i := range 10 {
		if err := p.ingest(fmt.Sprint(i+10), `{"receiver":"r","alerts":[{"status":"resolved","labels":{"n":"same"},"endsAt":"2026-11-24T03:12:00.000000001Z"}]}`); err != nil {
			t.Fatal(err)
		}
	}
	take(r, 30)
	r.Close()
	p.close()

	p = openParts(t, dir, func(_ *config.Config, s *troubledStore) { s.down.Store(true) })
	r = p.pipe.Live().Listen(&alert.Query{})
	p.send(20, 25)
	p.store.down.Store(false)
	take(r, 40)
	p.close()
	want := p.events()
	slices.Reverse(got)
	storagetest.Compare(t, got, want)
}
