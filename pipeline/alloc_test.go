//go:build !race

package pipeline

import (
	"os"
	"testing"

	"stormdrain/internal/alert"
)

// A body of known alerts costs no allocation, whatever their number.
func TestDecodeAllocations(t *testing.T) {
	for _, file := range []string{"059-grp10-v0342-1-am0.34.2.json", "061-grp100-v0342-1-am0.34.2.json", "062-grp1000-v0342-1-am0.34.2.json"} {
		body, err := os.ReadFile("../internal/e2e/testdata/payloads/" + file)
		if err != nil {
			t.Fatal(err)
		}
		d := &decoder{table: newInternTable(32 << 20)}
		decode := func() {
			if _, err := d.decode(alert.Webhook, body); err != nil {
				t.Fatal(err)
			}
		}
		decode()
		if n := testing.AllocsPerRun(50, decode); n > 0 {
			t.Errorf("%s: %v allocations, want none", file, n)
		}
	}
}

// An event of a recorder costs no allocation on its way into a frame either.
func TestRecordedAllocations(t *testing.T) {
	for _, file := range []string{"0009-batch.json", "0023-single.json", "0025-single.json"} {
		body, err := os.ReadFile("../internal/e2e/testdata/payloads/recorder/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var d recordedDecoder
		var frame []byte
		decode := func() {
			if err := d.decode(body); err != nil {
				t.Fatal(err)
			}
			frame = appendRecordedFrame(frame[:0], 1, &d, nil, []byte("request"))
		}
		decode()
		if n := testing.AllocsPerRun(50, decode); n > 0 {
			t.Errorf("%s: %v allocations, want none", file, n)
		}
	}
}

func TestDecodePostedAllocations(t *testing.T) {
	for name, body := range postedBodies(t) {
		d := &decoder{table: newInternTable(32 << 20)}
		var frame []byte
		decode := func() {
			out, err := d.decode(alert.Posted, body)
			if err != nil {
				t.Fatal(err)
			}
			frame = appendFrame(frame[:0], 1_790_000_000_000_000, out, nil, nil)
		}
		decode()
		if n := testing.AllocsPerRun(50, decode); n > 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}
