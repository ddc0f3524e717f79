package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/internal/config"
)

func (p *parts) record(requestID, body string) (int, error) {
	return p.pipe.Ingest(alert.Request{Kind: alert.Recorder, RequestID: []byte(requestID), Body: []byte(body)})
}

func (p *parts) recorded() (all []*alert.StoredRecorded) {
	p.t.Helper()
	store, _, err := openStore(&p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Close()
	q := &alert.RecordedQuery{From: math.MinInt64, To: math.MaxInt64}
	err = store.Recorded(context.Background(), q, func(r *alert.StoredRecorded) error { all = append(all, r); return nil })
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

func recordedBody(i int) string {
	return fmt.Sprintf(`{"@timestamp":"2026-11-23T08:00:00.%09dZ","instance":"vm","data":{"alertCreated":{"alert":{"fingerprint":"%d"}}}}`, i, i)
}

// Recorded events come between alerts, while the store fails in every way that it
// can, and over a restart with a backlog: each is stored once, and none is an alert.
func TestRecordedAreStoredExactlyOnce(t *testing.T) {
	t.Parallel()
	const each = 40
	dir := t.TempDir()
	p := openParts(t, dir, func(_ *config.Config, s *troubledStore) { s.down.Store(true) })
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			p.send(i, i+1)
			again := max(0, i-1) // and each a second time, beside the next one
			n, err := p.record(fmt.Sprint("rec-", i), "["+recordedBody(i)+", "+recordedBody(again)+"]")
			if err != nil || n != 2 {
				t.Fatalf("recorded %d: %d, %v", i, n, err)
			}
		}
	}
	send(0, each)
	p.close()
	if p.counts.recorded != 2*each {
		t.Errorf("%d events of a recorder counted, want %d", p.counts.recorded, 2*each)
	}
	p = openParts(t, dir, func(_ *config.Config, s *troubledStore) { s.before, s.after = every(3), every(2) })
	send(each, 2*each)
	p.close()
	p.wantStored(2 * each)
	p.counts.wantBalance(t)
	if p.counts.replayed != 2*each || p.counts.quarantined+p.counts.recordedQuarantined != 0 {
		t.Errorf("replayed %d, want %d; quarantined %d and %d", p.counts.replayed, 2*each, p.counts.quarantined, p.counts.recordedQuarantined)
	}
	all := p.recorded()
	if len(all) != 2*each {
		t.Fatalf("%d recorded events, want %d", len(all), 2*each)
	}
	for i, r := range all {
		want := 2*each - 1 - i
		if string(r.Body) != recordedBody(want) || len(r.Fingerprints) != 1 || r.Fingerprints[0] != uint64(want) {
			t.Fatalf("event %d is %+v", i, r)
		}
	}
}

// An event that the store refuses goes to quarantine alone, as one that cannot be
// read does, and both are counted apart from alerts.
func TestRefusedRecordedStandsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openParts(t, dir, func(cfg *config.Config, s *troubledStore) {
		cfg.Storage.FlushInterval = 200 * time.Millisecond // so that all meet in one batch
		s.refuses = func(b *alert.Batch, _ error) error {
			for i := range b.Recorded {
				if strings.Contains(string(b.Recorded[i].Body), "Mallory") {
					return refusedError{}
				}
			}
			return nil
		}
	})
	evil := strings.Replace(recordedBody(5), `"vm"`, `"Mallory"`, 1)
	p.send(0, 3)
	for i, body := range []string{recordedBody(1), "[" + recordedBody(2) + "," + evil + `,{"odd":1},` + recordedBody(3) + "]", evil} {
		if _, err := p.record(fmt.Sprint("rec-", i), body); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := p.record("shape", `{"receiver":"r","alerts":[]}`); n != 0 || err == nil {
		t.Errorf("a webhook's body is taken as %d events, %v", n, err)
	}
	p.send(3, 5)
	p.close()
	p.wantStored(5)
	p.counts.wantBalance(t)
	if all := p.recorded(); len(all) != 3 {
		t.Errorf("%d recorded events, want 3", len(all))
	}
	if p.counts.recorded != 6 || p.counts.recordedQuarantined != 3 || p.counts.quarantined != 0 {
		t.Errorf("events %d, quarantined %d, alerts quarantined %d; want 6, 3, 0", p.counts.recorded, p.counts.recordedQuarantined, p.counts.quarantined)
	}
	kept := readAll(t, filepath.Join(dir, "quarantine"))
	for _, part := range []string{`"event":` + evil, `"event":{"odd":1}`, "no such character", `"kind":"recorder"`} {
		if !strings.Contains(kept, part) {
			t.Errorf("%s is not in quarantine:\n%s", part, kept)
		}
	}
}
