package postgres

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

// TestDashboardOfHistory asks every query of Grafana's dashboard over the views, as
// Grafana would, with one, some and all values of each variable: each finds
// something, and reads no day that is not in the range.
func TestDashboardOfHistory(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	begun := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	const days = 6
	for d := range days {
		s.mustWrite(t, journal, uint64(4*d), noise(begun.AddDate(0, 0, d), uint64(4*d))...)
	}
	if n := len(s.allEpisodes(t)); n != days*5 {
		t.Fatalf("%d episodes, want %d", n, days*5)
	}
	from, to := begun.AddDate(0, 0, 3).Add(-time.Hour), begun.AddDate(0, 0, 3).Add(2*time.Hour)

	// Sessions of people, not ours: the planner has its defaults.
	c, err := pgconn.Connect(t.Context(), s.pool.connections.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	ask := func(sql string) *pgconn.Result {
		t.Helper()
		results, err := c.Exec(t.Context(), sql).ReadAll()
		if err != nil {
			t.Fatalf("%v in\n%s", err, sql)
		}
		return results[0]
	}
	ask(`ANALYZE`)
	d := readDashboard(t)
	values := map[string][]string{}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		for _, row := range ask(expand(v.Query, from, to, nil)).Rows {
			values[v.Name] = append(values[v.Name], string(row[0]))
		}
	}
	if got, want := fmt.Sprintf("%q", values), `map["alertname":["DiskFull" "It's down"] "severity":["critical" "warning"] "source":["eu" "us"]]`; got != want {
		t.Fatalf("variables can be %s, want %s", got, want)
	}
	asked := 0
	for _, chosen := range []int{1, 2} { // of each variable: one, or all
		picked := map[string][]string{}
		for name, all := range values {
			picked[name] = all[:chosen]
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				sql := expand(q.RawSQL, from, to, picked)
				r := ask(sql)
				asked++
				if len(r.Rows) == 0 || r.Rows[0][len(r.Rows[0])-1] == nil {
					t.Errorf("%s finds nothing with %v:\n%s", p.Title, picked, sql)
				}
				if first := r.FieldDescriptions[0].Name; q.Format == "time_series" && first != "time" {
					t.Errorf("%s: a series needs a column time, not %s", p.Title, first)
				}
				plan := text(ask(`EXPLAIN ` + sql))
				if m := regexp.MustCompile(`deliveries_\d+`).FindAllString(plan, -1); strings.Contains(sql, "alert_events") {
					if len(m) == 0 {
						t.Errorf("%s reads no deliveries:\n%s", p.Title, plan)
					}
					for _, day := range m {
						if day != "deliveries_20260604" {
							t.Errorf("%s reads %s, which is not in the range:\n%s", p.Title, day, plan)
						}
					}
				}
			}
		}
	}
	if asked < 20 {
		t.Errorf("%d queries: have they moved?", asked)
	}
}

// noise is a day's alerts, three of one source and two of another: one that flaps,
// one that was resolved, two that are open.
func noise(at time.Time, seq uint64) []storagetest.Delivery {
	deliver := func(source string, after time.Duration, alerts ...storagetest.Alert) storagetest.Delivery {
		seq++
		for i := range alerts {
			alerts[i].Index = int32(i)
		}
		return storagetest.Delivery{Seq: seq, ReceivedAt: at.Add(after).UnixMicro(), Source: source, RequestID: strconv.Itoa(int(seq)), Alerts: alerts}
	}
	fire := func(name, severity, instance string, since, until time.Duration) storagetest.Alert {
		a := storagetest.Alert{
			StartsAt: alert.Time{Micros: at.Add(since).UnixMicro()}, EndsAt: alert.NoTime,
			Labels:  storagetest.Labels("alertname", name, "day", at.Format("02"), "instance", instance, "severity", severity),
			Details: alert.Details{Annotations: storagetest.Pairs("summary", name+" on "+instance)},
		}
		if until > 0 {
			a.Status, a.EndsAt = alert.Resolved, alert.Time{Micros: at.Add(until).UnixMicro()}
		}
		return a
	}
	const minute = time.Minute
	return []storagetest.Delivery{
		deliver("eu", 6*minute, fire("DiskFull", "critical", "a", 0, 0), fire("DiskFull", "critical", "b", 5*minute, 0)),
		deliver("eu", 11*minute, fire("DiskFull", "critical", "a", 0, 10*minute)),
		deliver("us", 16*minute, fire("It's down", "warning", "c", 0, 15*minute), fire("It's down", "warning", "d", 3*minute, 0)),
		deliver("eu", 41*minute, fire("DiskFull", "critical", "a", 20*minute, 40*minute)),
	}
}

// board is the dashboard, as far as it asks.
type board struct {
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
	Panels []struct {
		Title   string
		Targets []struct{ RawSQL, Format string }
	}
}

func readDashboard(t *testing.T) (d board) {
	t.Helper()
	b, err := os.ReadFile("../../deploy/grafana/dashboards/history.json")
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	variable = regexp.MustCompile(`\$(alertname|severity|source|__interval)\b`)
	macro    = regexp.MustCompile(`\$__(\w+)\(([^)]*)\)`)
)

// expand does what Grafana documents: values of variables are quoted and listed, and
// macros get the range as literals.
func expand(sql string, from, to time.Time, picked map[string][]string) string {
	sql = variable.ReplaceAllStringFunc(sql, func(name string) string {
		if name == "$__interval" {
			return "5m"
		}
		var quoted []string
		for _, v := range picked[name[1:]] {
			quoted = append(quoted, `'`+strings.ReplaceAll(v, `'`, `''`)+`'`)
		}
		return strings.Join(quoted, ",")
	})
	literal := func(t time.Time) string { return `'` + t.Format(time.RFC3339Nano) + `'` }
	return macro.ReplaceAllStringFunc(sql, func(call string) string {
		m := macro.FindStringSubmatch(call)
		column, _, _ := strings.Cut(m[2], ",")
		switch m[1] {
		case "timeFilter":
			return column + ` BETWEEN ` + literal(from) + ` AND ` + literal(to)
		case "timeGroupAlias":
			return `floor(extract(epoch from ` + column + `)/300)*300 AS "time"`
		}
		return "unknown macro " + call
	})
}

// text is an answer of one column.
func text(r *pgconn.Result) string {
	var b strings.Builder
	for _, row := range r.Rows {
		b.Write(row[0])
		b.WriteByte('\n')
	}
	return b.String()
}
