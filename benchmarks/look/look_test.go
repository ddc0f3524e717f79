package look

import (
	"fmt"
	"strings"
	"testing"

	"stormdrain/benchmarks/report"
)

const at = "2026-11-23T07:00:00.000000001Z"

func body(n, alerts int, startsAt string) string {
	one := fmt.Sprintf(`{"status":"firing","fingerprint":"0123456789abcdef","startsAt":"%s",`+
		`"labels":{"a":"1","b":"2","c":"3","d":"4","n":"%d"},"annotations":{"x":"1","y":"2","z":"%d"}}`, startsAt, n, n)
	return `{"version":"4","alerts":[` + strings.TrimSuffix(strings.Repeat(one+",", alerts), ",") + `]}`
}

// The look at the load must see what would make a measurement worthless.
func TestTake(t *testing.T) {
	t.Parallel()
	l := newLook(report.Case{Mode: report.Storm, Alerts: 10})
	if err := l.take([]byte(body(1, 10, at))); err != nil {
		t.Fatal(err)
	}
	if err := l.take([]byte(body(2, 10, at))); err != nil || l.n != 2 || len(l.labels) != 2 {
		t.Errorf("%v; %d bodies, %d label sets", err, l.n, len(l.labels))
	}
	refused := func(body, why string) {
		t.Helper()
		if err := l.take([]byte(body)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.60s: %v, want %q", body, err, why)
		}
	}
	refused(body(1, 10, at), "before")
	refused(body(3, 9, at), "9 alerts")
	refused(body(3, 10, "0001-01-01T00:00:00Z"), "alert 0")
	refused(body(3, 10, "soon"), "parsing time")
	refused("{", "JSON")
}

func TestShares(t *testing.T) {
	t.Parallel()
	f := func(mode string, bodies, alerts int, ok bool) {
		t.Helper()
		l := newLook(report.Case{Mode: mode, Alerts: alerts})
		for n := range bodies {
			if err := l.take([]byte(body(n, alerts, at))); err != nil {
				t.Fatal(err)
			}
		}
		got, err := l.load()
		if (err == nil) != ok {
			t.Errorf("%s: %v, %+v", mode, err, got)
		}
		if ok && (got.Requests != bodies || got.Alerts != float64(alerts) || got.LabelSets != bodies || got.AnnotationSets != bodies) {
			t.Errorf("%s: %+v", mode, got)
		}
	}
	f(report.Hard, 20, 1, true)
	f(report.Storm, 20, 1, true)
	f(report.Storm, 4, 1, false)   // too few requests
	f(report.Hard, 20, 2, false)   // the same alert twice
	f(report.Storm, 20, 10, false) // fewer label sets than alerts
	f(report.Mix, 20, 1, false)    // all of one size
}
