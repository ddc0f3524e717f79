//go:build !race

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/config"
)

// A request of known alerts costs what its name costs in the server, and from
// there to the store nothing, however many alerts there are; a batch, which has
// some thousand of them, costs a constant.
func TestAllocationsPerRequest(t *testing.T) {
	for file, requests := range map[string]int{"059-grp10-v0342-1-am0.34.2.json": 2000, "061-grp100-v0342-1-am0.34.2.json": 200, "062-grp1000-v0342-1-am0.34.2.json": 100} {
		raw, err := os.ReadFile("internal/e2e/testdata/payloads/" + file)
		if err != nil {
			t.Fatal(err)
		}
		alerts := bytes.Count(raw, []byte(`"fingerprint":`))
		t.Run(file, func(t *testing.T) {
			p := openParts(t, t.TempDir(), func(cfg *config.Config, _ *troubledStore) {
				cfg.Journal.Ack = "memory" // the storing side finds full batches
				cfg.Journal.SegmentBytes = 64 << 20
				cfg.Storage.FlushInterval = 100 * time.Millisecond
			})
			defer p.close()
			bodies := make([]string, 2*requests) // no two alike, or the cache of bodies would do the work
			names := make([]string, len(bodies))
			for i := range bodies {
				bodies[i] = strings.Replace(string(raw), `"startsAt":"2026-`, fmt.Sprintf(`"startsAt":"%d-`, 2000+i), 1)
				names[i] = fmt.Sprint(i)
			}
			send := func(from, to int) {
				for i := from; i < to; i++ {
					if err := p.ingest(names[i], bodies[i]); err != nil {
						t.Fatal(err)
					}
				}
				for p.counts.storedSoFar() < alerts*to {
					runtime.Gosched()
				}
			}
			send(0, requests)
			batches := p.counts.flushed()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			send(requests, len(bodies))
			runtime.ReadMemStats(&after)
			batches = p.counts.flushed() - batches
			// []byte(body) in ingest is one.
			most := uint64(requests + perBatch*batches)
			if n := after.Mallocs - before.Mallocs; n > most {
				t.Errorf("%d allocations for %d requests in %d batches, want %d at most", n, requests, batches, most)
			}
		})
	}
}

// perBatch is what a transaction on the embedded store may allocate.
const perBatch = 700
