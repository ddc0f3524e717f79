package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// before reads the whole body, decodes it and inserts an alert after the other,
// each in a transaction of its own.
type before struct {
	db       *sql.DB
	counters *counters
}

func (h *before) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestSize))
	if err != nil {
		http.Error(w, "read body: "+err.Error(), http.StatusBadRequest)
		return
	}
	var m webhook
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "decode body: "+err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := storing(r)
	defer cancel()
	if err := h.store(ctx, r.PathValue("source"), &m); err != nil {
		http.Error(w, fmt.Sprintf("request %v: %v", ctx.Value(requestIDKey), err), http.StatusServiceUnavailable)
		return
	}
	h.counters.stored(len(m.Alerts))
	success(w, len(m.Alerts))
}

const insertOne = insertInto + `($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

func (h *before) store(ctx context.Context, source string, m *webhook) error {
	receivedAt := time.Now()
	for i := range m.Alerts {
		a := &m.Alerts[i]
		labels, err := json.Marshal(a.Labels)
		if err != nil {
			return fmt.Errorf("labels of alert %d: %w", i, err)
		}
		annotations, err := json.Marshal(a.Annotations)
		if err != nil {
			return fmt.Errorf("annotations of alert %d: %w", i, err)
		}
		if _, err := h.db.ExecContext(ctx, insertOne, receivedAt, source, m.Receiver, a.Status, a.Fingerprint, a.StartsAt, a.ends(),
			labels, annotations, a.GeneratorURL, m.GroupKey, m.ExternalURL); err != nil {
			return fmt.Errorf("insert alert %d: %w", i, err)
		}
	}
	return nil
}

// beforeMiddleware is the guide's list as it begins: a new wrapper for each
// request, and three values in three contexts.
func beforeMiddleware(c *counters, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.begin()
		rec := &recorder{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			rec.recovered(recover())
			c.end(rec.code)
		}()
		ctx := context.WithValue(r.Context(), requestIDKey, requestID(r))
		ctx = context.WithValue(ctx, startTimeKey, time.Now())
		ctx = context.WithValue(ctx, clientKey, r.RemoteAddr)
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}
