package command

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// lie runs bench against a server that stores something else for the alert with
// index 9 of its 17th request.
func lie(t *testing.T, store func(alert object) []object) (*Verified, string) {
	t.Helper()
	r, err := bench(t, newFake(t, func(f *fake) {
		f.store = func(number, index int, alert object) []object {
			if number == 16 && index == 9 {
				return store(alert)
			}
			return []object{alert}
		}
	}).settings())
	if r.Verify == nil {
		t.Fatal(err)
	}
	return r.Verify, err
}

func TestMissing(t *testing.T) {
	t.Parallel()
	v, err := lie(t, func(object) []object { return nil })
	if v.Missing != 1 || v.Doubled+v.Altered+v.Unexpected != 0 || !strings.Contains(err, "of 480 acknowledged alerts 1 are missing") ||
		!strings.Contains(err, "alert 9 of request bench-") {
		t.Errorf("%s %+v", err, v)
	}
}

func TestDoubled(t *testing.T) {
	t.Parallel()
	v, err := lie(t, func(alert object) []object { return []object{alert, alert} })
	if v.Doubled != 1 || v.Missing+v.Altered+v.Unexpected != 0 || !strings.Contains(err, "1 doubled") {
		t.Errorf("%s %+v", err, v)
	}
}

func TestAltered(t *testing.T) {
	t.Parallel()
	f := func(where, name string, value any) {
		t.Helper()
		v, err := lie(t, func(alert object) []object {
			alert = maps.Clone(alert)
			if where == "" {
				alert[name] = value
				return []object{alert}
			}
			var inner object
			switch old := alert[where].(type) {
			case object:
				inner = maps.Clone(old)
			case map[string]any:
				inner = maps.Clone(old)
			}
			if inner[name] = value; value == nil {
				delete(inner, name)
			}
			alert[where] = inner
			return []object{alert}
		})
		if v.Altered != 1 || v.Missing+v.Doubled+v.Unexpected != 0 || !strings.Contains(err, "1 altered") || !strings.Contains(err, strings.TrimPrefix(where+"."+name, ".")) {
			t.Errorf("%s.%s: %s %+v", where, name, err, v)
		}
	}
	f("", "status", "firing")
	f("", "startsAt", "2026-11-23T00:00:00Z")
	f("", "endsAt", nil)
	f("", "endsAt", "2026-11-23T00:00:00Z")
	f("", "fingerprint", "0000000000000000")
	f("", "generatorURL", "")
	f("", "groupKey", "{}")
	f("", "externalURL", "http://other")
	f("", "truncatedAlerts", 1)
	f("labels", "severity", "critical")
	f("labels", "severity", nil)
	f("labels", "more", "x")
	f("labels", "pod", "api-00000000-000000001")
	f("annotations", "summary", "")
	f("annotations", "description", nil)
	f("groupLabels", "cluster", "x")
	f("deliveryExtra", "notification_reason", "x")
	f("", "extra", object{"a": 1})
}

// What is no alert of the request, or of no request, is said and leaves a hole.
func TestUnexpected(t *testing.T) {
	t.Parallel()
	v, _ := lie(t, func(alert object) []object {
		alert = maps.Clone(alert)
		alert["requestId"] = "another"
		return []object{alert}
	})
	if v.Unexpected != 1 || v.Missing != 1 || v.Altered+v.Doubled != 0 {
		t.Errorf("%+v", v)
	}
	v, _ = lie(t, func(alert object) []object {
		alert = maps.Clone(alert)
		alert["labels"], alert["fingerprint"] = object{}, ""
		return []object{alert}
	})
	if v.Altered != 1 || v.Missing != 1 {
		t.Errorf("%+v", v)
	}
}

// A request without an acknowledgement may be there or not, but not twice.
func TestUnknownOutcomes(t *testing.T) {
	t.Parallel()
	f := func(copies int, wantDoubled, wantThere int) {
		t.Helper()
		r, err := bench(t, newFake(t, func(f *fake) {
			f.store = func(number, _ int, alert object) (all []object) {
				if number != 16 {
					return []object{alert}
				}
				for range copies {
					all = append(all, alert)
				}
				return all
			}
			f.answer = func(number int, _ *http.Request) int {
				if number == 16 {
					return 503
				}
				return 200
			}
		}).settings())
		if v := r.Verify; v.Doubled != wantDoubled || v.Unacknowledged != wantThere || v.Missing+v.Altered+v.Unexpected != 0 || (err == "") != (wantDoubled == 0) {
			t.Errorf("%d copies: %s %+v", copies, err, v)
		}
	}
	f(0, 0, 0)
	f(1, 0, 12)
	f(2, 12, 12)
}

// What is stored late is waited for.
func TestVerifyWaitsForTheStore(t *testing.T) {
	t.Parallel()
	r, err := bench(t, newFake(t, func(f *fake) { f.visible = func(reads int) bool { return reads > 5 } }).settings())
	if err != "" || r.Verify.Behind {
		t.Errorf("%s %+v", err, r.Verify)
	}
	cfg := newFake(t, func(f *fake) { f.visible = func(int) bool { return false } }).settings()
	cfg.VerifyWait = 1 // one look
	r, err = bench(t, cfg)
	if !r.Verify.Behind || r.Verify.Missing != 480 || !strings.Contains(err, "--verify-wait") {
		t.Errorf("%s %+v", err, r.Verify)
	}
	if len(r.Verify.Examples) != mostExamples {
		t.Errorf("%d examples", len(r.Verify.Examples))
	}
}

// Half an answer is not taken for a whole one.
func TestAnswerThatBreaksOff(t *testing.T) {
	t.Parallel()
	f := func(want, answer string) {
		t.Helper()
		honest := newFake(t, nil)
		inner := honest.Config.Handler
		honest.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("format") != "ndjson" {
				inner.ServeHTTP(w, r)
				return
			}
			fmt.Fprint(w, answer)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		if _, err := bench(t, honest.settings()); !strings.Contains(err, want) {
			t.Errorf("%q: %s", answer, err)
		}
	}
	f("breaks off after 1 events", `{"requestId":"x"}`+"\n")
	f("event 1 of the answer", "[]\n")
}
