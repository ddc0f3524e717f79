package query

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func event(id string, second int) string {
	return fmt.Sprintf(`{"id":"%s","receivedAt":"2026-11-24T11:00:%02d.5Z","source":"eu","status":"firing","startsAt":"2026-11-24T10:00:00Z","labels":{"alertname":"A%s"}}`, id, second, id)
}

func alertMessage(id string, second int) string {
	return "event: alert\nid: " + id + "\ndata: " + event(id, second) + "\n\n"
}

// script is a server whose streams do one step each.
type script struct {
	t      *testing.T
	steps  []func(w http.ResponseWriter, r *http.Request)
	pages  map[string]string // by from
	number int
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("filter") != "a=b" {
		s.t.Errorf("the filter is %q", r.FormValue("filter"))
	}
	if r.URL.Path == "/api/v1/events" {
		page, ok := s.pages[r.FormValue("from")]
		if !ok {
			s.t.Errorf("events are read from %s", r.FormValue("from"))
		}
		fmt.Fprint(w, page)
		return
	}
	step := s.steps[s.number]
	s.number++
	step(w, r)
}

func send(w http.ResponseWriter, text string) {
	fmt.Fprint(w, text)
	w.(http.Flusher).Flush()
}

// What comes while there is no stream is read from the events, and nothing is
// shown twice; also in the first moments after --from.
func TestFollowMissesNothing(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var q *question
	s := &script{t: t, pages: map[string]string{
		"5m":                     `{"events":[` + event("2", 2) + "," + event("1", 1) + `],"next":null}`,
		"2026-11-24T11:00:03.5Z": `{"events":[` + event("5", 5) + "," + event("4", 4) + "," + event("3", 3) + `],"next":"more"}`,
	}}
	s.steps = []func(http.ResponseWriter, *http.Request){
		func(w http.ResponseWriter, r *http.Request) {
			send(w, ": stormdrain\n\n"+alertMessage("2", 2)+alertMessage("3", 3)+":\n\n")
			q.stdout.wait(r.Context(), `"id":"3"`)
		},
		func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "shutting down; try again", http.StatusServiceUnavailable)
		},
		func(w http.ResponseWriter, r *http.Request) {
			send(w, ": stormdrain\n\n"+alertMessage("5", 5)+"event: lost\ndata: {\"lost\":7}\n\n"+alertMessage("6", 6))
			q.stdout.wait(r.Context(), `"id":"6"`)
			interrupt()
			<-r.Context().Done()
		},
	}
	server := httptest.NewServer(s)
	defer server.Close()
	q = prepare(t, server.URL, "a=b", "--follow", "--from=5m", "-o", "ndjson")
	if err := q.run.run(ctx); err != nil {
		t.Errorf("Ctrl-C is an error: %v", err)
	}
	want := ""
	for i := 1; i <= 6; i++ {
		want += event(fmt.Sprint(i), i) + "\n"
	}
	if got := q.stdout.String(); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	for _, want := range []string{"has ended (the server ended it); trying again", "connected to " + server.URL + " again", "7 alerts came too fast", "only the latest 3"} {
		if strings.Count(q.stderr.String(), want) != 1 {
			t.Errorf("not said once: %q in\n%s", want, q.stderr.String())
		}
	}
}

// A table shows a row as soon as it comes, though its widths are guessed then.
func TestFollowAsATable(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var q *question
	s := &script{t: t}
	s.steps = []func(http.ResponseWriter, *http.Request){func(w http.ResponseWriter, r *http.Request) {
		send(w, alertMessage("1", 1))
		q.stdout.wait(r.Context(), "A1")
		send(w, alertMessage(strings.Repeat("2", 100_000), 1))
		q.stdout.wait(r.Context(), "A2")
		interrupt()
		<-r.Context().Done()
	}}
	server := httptest.NewServer(s)
	defer server.Close()
	q = prepare(t, server.URL, "a=b", "-f")
	q.run.screen.width = 100
	if err := q.run.run(ctx); err != nil {
		t.Error(err)
	}
	lines := strings.Split(q.stdout.String(), "\n")
	if !strings.HasPrefix(lines[0], "RECEIVED         STATUS") || !strings.HasPrefix(lines[1], "Nov 24 11:00:01  firing") || !strings.Contains(lines[2], "222…") || columns(lines[2]) > 100 {
		t.Errorf("%s", q.stdout.String())
	}
}

func TestFollowEndsWhereItIsRefused(t *testing.T) {
	t.Parallel()
	s := &script{t: t}
	s.steps = []func(http.ResponseWriter, *http.Request){
		func(w http.ResponseWriter, r *http.Request) { send(w, ": stormdrain\n\n") },
		func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "wrong credentials", http.StatusUnauthorized)
		},
	}
	server := httptest.NewServer(s)
	defer server.Close()
	q := prepare(t, server.URL, "a=b", "-f")
	s.pages = map[string]string{}
	if err := q.run.run(t.Context()); err == nil || !strings.Contains(err.Error(), "wrong credentials") {
		t.Errorf("%v", err)
	}
	s.number, s.steps = 0, []func(http.ResponseWriter, *http.Request){func(w http.ResponseWriter, r *http.Request) { send(w, "event: alert\ndata: nonsense\n\n") }}
	if err := prepare(t, server.URL, "a=b", "-f").run.run(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be understood") {
		t.Errorf("%v", err)
	}
}

func TestRecentlyForgets(t *testing.T) {
	t.Parallel()
	var r recently
	for i := range 2 * remembered {
		if !r.add(fmt.Sprint(i)) || r.add(fmt.Sprint(i)) || len(r.known) > remembered {
			t.Fatalf("%d, of %d", i, len(r.known))
		}
	}
	if !r.add("0") {
		t.Error("the first is not forgotten")
	}
}
