package journal

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// BenchmarkJournalAppend: group commit shows only with many writers.
func BenchmarkJournalAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d/size=2KiB", writers), func(b *testing.B) {
			cfg := testConfig(b)
			j := mustOpen(b, cfg)
			var f Frame = raw(make([]byte, 2048))
			b.SetBytes(2048)
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			done := make(chan error, writers)
			for range writers {
				go func() {
					var err error
					for err == nil && next.Add(1) <= int64(b.N) {
						var seq uint64
						if seq, err = j.Append(f, true); seq%1024 == 0 {
							j.Stored(seq)
						}
					}
					done <- err
				}()
			}
			for range writers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
