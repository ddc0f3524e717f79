package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// webhook is what Alertmanager sends, as far as it is kept.
type webhook struct {
	Receiver    string         `json:"receiver"`
	GroupKey    string         `json:"groupKey"`
	ExternalURL string         `json:"externalURL"`
	Alerts      []webhookAlert `json:"alerts"`
}

type webhookAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// ends is NULL for an alert that is still firing.
func (a *webhookAlert) ends() *time.Time {
	if a.EndsAt.IsZero() {
		return nil
	}
	return &a.EndsAt
}

const schema = `CREATE TABLE IF NOT EXISTS alerts (
	id            bigserial PRIMARY KEY,
	received_at   timestamptz NOT NULL,
	source        text NOT NULL,
	receiver      text NOT NULL,
	status        text NOT NULL,
	fingerprint   text NOT NULL,
	starts_at     timestamptz NOT NULL,
	ends_at       timestamptz,
	labels        jsonb NOT NULL,
	annotations   jsonb NOT NULL,
	generator_url text NOT NULL,
	group_key     text NOT NULL,
	external_url  text NOT NULL
);
CREATE INDEX IF NOT EXISTS alerts_received_at ON alerts (received_at)`

const (
	insertInto = `INSERT INTO alerts (received_at, source, receiver, status, fingerprint, starts_at, ends_at, labels, annotations,
	generator_url, group_key, external_url) VALUES `
	columns = 12
)

// The guide's limits.
const (
	maxRequestSize = 10 << 20
	requestTimeout = 30 * time.Second
)

// storing is the context of what belongs to a request. A sender that has gone
// does not interrupt it: half a delivery would be in the table.
func storing(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
}

func success(w http.ResponseWriter, alerts int) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"status":"success","alerts":%d}`, alerts)
}
