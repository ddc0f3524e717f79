package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stormdrain/internal/pgtest"
)

func body(alerts int) string {
	var all []string
	for i := range alerts {
		all = append(all, fmt.Sprintf(`{"status":"firing","labels":{"alertname":"A","n":"%d"},"annotations":{"summary":"\u0026 é"},`+
			`"startsAt":"2026-11-23T06:00:00.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://g","fingerprint":"%016x"}`, i, i))
	}
	return `{"receiver":"r","status":"firing","groupKey":"k","externalURL":"http://am","version":"4","alerts":[` + strings.Join(all, ",") + `]}`
}

// Both keep every alert before they answer, and refuse alike.
func TestVariants(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	for _, variant := range []string{"before", "after"} {
		t.Run(variant, func(t *testing.T) { exercise(t, variant, cluster.CreateDatabase(variant)) })
	}
	if _, err := newHandler("during", new(sql.DB)); err == nil {
		t.Error("a variant that does not exist was taken")
	}
}

func exercise(t *testing.T, variant, url string) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	h, err := newHandler(variant, db)
	if err != nil {
		t.Fatal(err)
	}
	f := func(body string, code int, answer string, rows int) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhook/prod", strings.NewReader(body)))
		if w.Code != code || !strings.Contains(w.Body.String(), answer) {
			t.Errorf("%d, %s; want %d, %s", w.Code, w.Body, code, answer)
		}
		var got int
		if err := db.QueryRow("SELECT count(*) FROM alerts").Scan(&got); err != nil || got != rows {
			t.Errorf("%d rows, %v; want %d", got, err, rows)
		}
	}
	f(body(3), 200, `{"status":"success","alerts":3}`, 3)
	f(body(250), 200, `{"status":"success","alerts":250}`, 253)
	f(body(0), 200, `{"status":"success","alerts":0}`, 253)
	f("{", 400, "decode body", 253)

	var source, receiver, labels, annotations string
	var ends sql.NullTime
	err = db.QueryRow(`SELECT source, receiver, labels, annotations, ends_at FROM alerts WHERE fingerprint = $1 LIMIT 1`, fmt.Sprintf("%016x", 249)).
		Scan(&source, &receiver, &labels, &annotations, &ends)
	if err != nil || source != "prod" || receiver != "r" || ends.Valid {
		t.Errorf("%v: %s, %s, %v", err, source, receiver, ends)
	}
	same := func(got, want string) {
		t.Helper()
		var m map[string]string
		if err := json.Unmarshal([]byte(got), &m); err != nil || fmt.Sprint(m) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	same(labels, "map[alertname:A n:249]")
	same(annotations, "map[summary:& é]")

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`reference_http_requests_total{code="200",handler="webhook"} 3`, `reference_http_requests_total{code="other",handler="webhook"} 1`,
		"reference_http_requests_in_flight 1", "reference_alerts_received_total 253", "reference_alerts_stored_total 253",
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// A sender must not get its alerts stored twice because half of them failed
// the first time; only after promises that.
func TestAfterStoresAllOrNothing(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("pgx", pgtest.Start(t).CreateDatabase("all"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	h := newAfterMiddleware(&counters{}, newAfter(db, &counters{}))
	bad := strings.Replace(body(150), `"n":"149"`, `"n":"\u0000"`, 1) // which jsonb refuses
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhook/prod", strings.NewReader(bad)))
	var rows int
	if err := db.QueryRow("SELECT count(*) FROM alerts").Scan(&rows); err != nil || rows != 0 || w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d rows, %v; %d, %s", rows, err, w.Code, w.Body)
	}
}
