package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	batchSize  = 100
	maxWorkers = 100
)

// after is before with what the guide advises: the body is decoded as it
// arrives, into a slice that has room; what is made of it goes into pooled
// buffers; a delivery is one transaction of statements with up to 100 rows; a
// semaphore bounds the work in progress.
type after struct {
	db         *sql.DB
	counters   *counters
	workers    chan struct{}
	scratch    sync.Pool             // of *scratch
	statements [batchSize + 1]string // by the number of rows
	statuses   sync.Map              // interned
}

// scratch is the memory of one request that the next one can use.
type scratch struct {
	text bytes.Buffer // JSON of labels and annotations
	args []any
}

func newAfter(db *sql.DB, c *counters) *after {
	h := &after{db: db, counters: c, workers: make(chan struct{}, maxWorkers)}
	h.scratch.New = func() any { return &scratch{args: make([]any, 0, batchSize*columns)} }
	var rows []string
	for n := range batchSize {
		rows = append(rows, placeholders(n*columns))
		h.statements[n+1] = insertInto + strings.Join(rows, ", ")
	}
	return h
}

// placeholders returns those of one row, the first after $from.
func placeholders(from int) string {
	all := make([]string, columns)
	for i := range all {
		all[i] = "$" + strconv.Itoa(from+i+1)
	}
	return "(" + strings.Join(all, ", ") + ")"
}

func (h *after) getScratch() *scratch { return h.scratch.Get().(*scratch) }

func (h *after) putScratch(s *scratch) {
	s.text.Reset()
	clear(s.args[:cap(s.args)])
	s.args = s.args[:0]
	h.scratch.Put(s)
}

func (h *after) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.workers <- struct{}{}
	defer func() { <-h.workers }()
	m := webhook{Alerts: make([]webhookAlert, 0, 10)}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestSize)).Decode(&m); err != nil {
		http.Error(w, "decode body: "+err.Error(), http.StatusBadRequest)
		return
	}
	for i := range m.Alerts {
		m.Alerts[i].Status = h.intern(m.Alerts[i].Status)
	}
	ctx, cancel := storing(r)
	defer cancel()
	if err := h.store(ctx, r.PathValue("source"), &m); err != nil {
		about := ctx.Value(requestKey).(*requestValues)
		http.Error(w, fmt.Sprintf("request %s: %v", about.id, err), http.StatusServiceUnavailable)
		return
	}
	h.counters.stored(len(m.Alerts))
	success(w, len(m.Alerts))
}

// intern is for values of which there are few.
func (h *after) intern(s string) string {
	if v, ok := h.statuses.Load(s); ok {
		return v.(string)
	}
	h.statuses.Store(s, s)
	return s
}

// store inserts the whole delivery or nothing of it.
func (h *after) store(ctx context.Context, source string, m *webhook) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // after a commit it does nothing
	receivedAt := time.Now()
	for i := 0; i < len(m.Alerts); i += batchSize {
		batch := m.Alerts[i:min(i+batchSize, len(m.Alerts))]
		if err := h.insert(ctx, tx, receivedAt, source, m, batch); err != nil {
			return fmt.Errorf("insert %d alerts from %d on: %w", len(batch), i, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (h *after) insert(ctx context.Context, tx *sql.Tx, receivedAt time.Time, source string, m *webhook, batch []webhookAlert) error {
	s := h.getScratch()
	defer h.putScratch(s)
	for i := range batch {
		a := &batch[i]
		labels, err := s.encode(a.Labels)
		if err != nil {
			return err
		}
		annotations, err := s.encode(a.Annotations)
		if err != nil {
			return err
		}
		s.args = append(s.args, receivedAt, source, m.Receiver, a.Status, a.Fingerprint, a.StartsAt, a.ends(),
			labels, annotations, a.GeneratorURL, m.GroupKey, m.ExternalURL)
	}
	_, err := tx.ExecContext(ctx, h.statements[len(batch)], s.args...)
	return err
}

// encode returns bytes of s.text: valid until s goes back to the pool, as a
// buffer that grows leaves its old memory as it was.
func (s *scratch) encode(m map[string]string) ([]byte, error) {
	from := s.text.Len()
	if err := json.NewEncoder(&s.text).Encode(m); err != nil {
		return nil, err
	}
	return s.text.Bytes()[from:s.text.Len():s.text.Len()], nil
}
