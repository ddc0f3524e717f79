package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

type contextKey int

const (
	requestIDKey contextKey = iota
	startTimeKey
	clientKey
	requestKey // of *requestValues
)

// recorder remembers the status for the counters.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// recovered answers for a handler that panicked with what.
func (r *recorder) recovered(what any) {
	if what == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "reference: panic:", what)
	http.Error(r, "internal error", http.StatusServiceUnavailable)
}

func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-ID"); id != "" {
		return id
	}
	return rand.Text()
}

// requestValues is all that a request's context holds.
type requestValues struct {
	id     string
	start  time.Time
	client string
}

// newAfterMiddleware does what beforeMiddleware does, with pooled wrappers and
// one value in one context.
func newAfterMiddleware(c *counters, next http.Handler) http.Handler {
	pool := sync.Pool{New: func() any { return new(recorder) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.begin()
		rec := pool.Get().(*recorder)
		rec.ResponseWriter, rec.code = w, http.StatusOK
		defer func() {
			rec.recovered(recover())
			c.end(rec.code)
			rec.ResponseWriter = nil
			pool.Put(rec)
		}()
		values := &requestValues{id: requestID(r), start: time.Now(), client: r.RemoteAddr}
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), requestKey, values)))
	})
}
