//go:build !race

package journal

import (
	"testing"
)

// An Append costs no allocation once the buffers have grown.
func TestAppendDoesNotAllocate(t *testing.T) {
	check := func(durable bool) {
		cfg := testConfig(t)
		j := mustOpen(t, cfg)
		var frame Frame = raw(make([]byte, 2048))
		for range 200 {
			if _, err := j.Append(frame, true); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(500, func() {
			if _, err := j.Append(frame, durable); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("durable %v: %.1f allocations", durable, n)
		}
	}
	check(true)
	check(false)
}
