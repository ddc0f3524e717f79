//go:build !race

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"stormdrain/internal/config"
)

// A request of known alerts costs what its name costs in the server, and from
// there to the store nothing, however many alerts there are; a batch, which has
// some thousand of them, costs a constant, and a fold something for each alert, not
// for each receipt.
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
				cfg.Pipeline.BodyCacheBytes = 0 // it would do all the work
			})
			defer p.close()
			names := make([]string, 2*requests)
			for i := range names {
				names[i] = fmt.Sprint(i)
			}
			body := string(raw)
			send := func(from, to int) {
				for i := from; i < to; i++ {
					if err := p.ingest(names[i], body); err != nil {
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
			send(requests, len(names))
			runtime.ReadMemStats(&after)
			batches = p.counts.flushed() - batches
			// []byte(body) in ingest is one, and []byte(requestID) is another.
			most := uint64(2*requests + perBatch*batches + perFolded*alerts*(batches+1))
			if n := after.Mallocs - before.Mallocs; n > most {
				t.Errorf("%d allocations for %d requests in %d batches, want %d at most", n, requests, batches, most)
			}
		})
	}
}

const (
	// perBatch is what two transactions on the embedded store may allocate, one for a
	// batch and one for a fold.
	perBatch = 1400
	// perFolded is what a fold, of which there is one a batch at most, may allocate for
	// each alert that has been received since the last, however often.
	perFolded = 4
)
