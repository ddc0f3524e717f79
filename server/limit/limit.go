// Package limit lets so many requests in each second, and so many at once: a
// token bucket, kept as the one number that says when it will be full again.
package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// Limiter is one bucket. It is safe for concurrent use and takes no lock.
type Limiter struct {
	bucket
	full atomic.Int64 // when the bucket is full again, on our clock
}

// bucket is what all buckets of one kind have in common.
type bucket struct {
	began    time.Time // where the clock begins
	interval int64     // nanoseconds between two tokens
	room     int64     // nanoseconds that a full bucket is worth, but for one token
}

// New returns a full bucket. perSecond is more than 0; a burst of less than 1
// stands for what comes in a second.
func New(perSecond float64, burst int) *Limiter {
	return &Limiter{bucket: newBucket(perSecond, burst)}
}

func newBucket(perSecond float64, burst int) bucket {
	if burst < 1 {
		burst = int(min(max(1, math.Ceil(perSecond)), math.MaxInt32))
	}
	// 30 years a token, or for the bucket, are for ever, and far from overflow.
	const most = float64(1e18)
	interval := min(float64(time.Second)/perSecond, most)
	return bucket{began: time.Now(), interval: int64(interval), room: int64(min(interval*float64(burst-1), most))}
}

func (b *bucket) now() int64 { return int64(time.Since(b.began)) }

// take returns when a bucket is full again after one token was taken from it, and
// whether there was one.
func (b *bucket) take(full, now int64) (int64, bool) {
	full = max(full, now)
	if full-now > b.room {
		return full, false
	}
	return full + b.interval, true
}

// Allow takes a token, if there is one.
func (l *Limiter) Allow() bool {
	for now := l.now(); ; {
		full := l.full.Load()
		next, ok := l.take(full, now)
		if !ok {
			return false
		}
		if l.full.CompareAndSwap(full, next) {
			return true
		}
	}
}
