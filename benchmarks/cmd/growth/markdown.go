package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	fastQuery  = 50 * time.Millisecond
	fastDay    = 100 * time.Millisecond // episodes and statistics, of a day
	atEvents   = 10_000_000
	quickReady = 2 * time.Second
	// "Unchanged" and "full pace" are measured on machines with a life of their own.
	within = .1
)

// markdown returns the report for people.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Growth, %s at %s\n\n", r.Time.UTC().Format("2006-01-02 15:04"), r.Commit)
	if r.Quick {
		b.WriteString("A smoke run: that it works is all it says.\n\n")
	}
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d cores, %d MiB, Linux %s, data on %s; %s. Load generator, server and database share the machine.\n",
		m.CPU, m.Cores, m.MemoryBytes>>20, m.Kernel, m.FileSystem, pairs(r.Versions, " "))
	if len(r.Settings) > 0 {
		fmt.Fprintf(&b, "Postgres: %s.\n", pairs(r.Settings, "="))
	}
	fmt.Fprintf(&b, "%d connections send %d alerts a request, as fast as the store takes them (%s may wait in the journal); %s label sets again and again, and of %s alerts one with a set that never came.\n",
		r.Connections, r.PerBody, thousands(r.Behind), thousands(int64(r.Known)), thousands(r.NewEvery))
	r.goals(&b)
	for _, c := range r.Curves {
		c.pointsTable(&b)
		c.queriesTable(&b)
	}
	r.Backlog.table(&b)
	return b.String()
}

func (r *report) goals(b *strings.Builder) {
	t := newTable(b, "Goals", "goal", "wanted", "measured", "")
	verdict := func(met bool) string {
		switch {
		case r.Quick:
			return "smoke run"
		case met:
			return "met"
		}
		return "missed"
	}
	for _, c := range r.Curves {
		if len(c.Points) >= 5 {
			first, last := c.ends(func(p *point) float64 { return p.ServerCPU + p.PostgresCPU })
			t.row("CPU an alert, server and store, "+c.Store, fmt.Sprintf("last quarter within %.0f %% of the first, or below", 100*within),
				fmt.Sprintf("%s, then %s (%+.0f %%)", micros(first), micros(last), 100*(last/first-1)), verdict(last <= first*(1+within)))
		}
		for _, q := range c.Queries {
			most := q.promised(c.Store)
			if q.Events < atEvents || q.Events > atEvents+atEvents/10 || most == 0 {
				continue
			}
			p99 := quantile(q.Took, .99)
			t.row(fmt.Sprintf("p99 of a query at %s events, %s: %s", thousands(q.Events), c.Store, q.Kind), "< "+most.String(), milli(p99), verdict(p99 < most))
		}
	}
	if l := r.Backlog; l != nil {
		t.row(fmt.Sprintf("ready with a backlog of %s MiB", thousands(l.JournalBytes>>20)), "< "+quickReady.String(), milli(l.Ready), verdict(l.Ready < quickReady))
		// An alert takes ever longer as the tables fill up, and the drain takes the sum
		// of these times: it is they that have a mean, not the paces.
		normal := 2 / (1/l.NormalBefore + 1/l.NormalAfter)
		t.row("drains at full pace", fmt.Sprintf("≥ %.0f %% of what is stored without a backlog, before and after", 100*(1-within)),
			fmt.Sprintf("%s/s, %.0f %%", thousands(int64(l.Drained)), 100*l.Drained/normal), verdict(l.Drained >= normal*(1-within)))
	}
}

// promised returns what the kind may take, 0 for one that no goal is about.
func (q *queries) promised(store string) time.Duration {
	begins := func(prefix string) bool { return strings.HasPrefix(q.Kind, prefix) }
	switch {
	case begins("fingerprint") || begins("matcher"):
		return fastQuery
	case store == postgres && (begins("episodes") || begins("firing") || begins("open") || begins("statistics") || begins("received")):
		return fastDay
	}
	return 0
}

// mostRows is how many points of a curve a table shows; the rest is in the plots.
const mostRows = 12

func (c *curve) pointsTable(b *strings.Builder) {
	t := newTable(b, "Filling "+c.Store, "events", "stored/s", "CPU an alert, server", "CPU an alert, Postgres", "bytes an event", "journal bytes an alert", "server RSS MiB")
	each := (len(c.Points) + mostRows - 1) / mostRows
	for i, p := range c.Points {
		if i%each != 0 && i != len(c.Points)-1 {
			continue
		}
		t.row(thousands(p.Events), thousands(int64(p.PerSecond)), micros(p.ServerCPU), orNone(p.PostgresCPU, micros),
			fmt.Sprintf("%.1f", c.bytesPerEvent(i)), orNone(p.JournalBytes, func(f float64) string { return fmt.Sprintf("%.1f", f) }),
			strconv.FormatInt(p.Resident>>20, 10))
	}
	fmt.Fprintf(b, "\n%s alerts were acknowledged, `alert_events` has %s rows.\n", thousands(c.Acknowledged), thousands(c.Rows))
}

func (c *curve) queriesTable(b *strings.Builder) {
	t := newTable(b, "Reading "+c.Store+", one query at a time", "query", "events", "times", "p50", "p99", "max")
	sorted := slices.Clone(c.Queries)
	slices.SortStableFunc(sorted, func(x, y queries) int { return strings.Compare(x.Kind, y.Kind) })
	for _, q := range sorted {
		t.row(q.Kind, thousands(q.Events), strconv.Itoa(len(q.Took)), milli(quantile(q.Took, .5)), milli(quantile(q.Took, .99)), milli(quantile(q.Took, 1)))
	}
}

func (l *backlog) table(b *strings.Builder) {
	if l == nil {
		return
	}
	t := newTable(b, "A start with a backlog, every label set new", "", "")
	t.row("backlog", fmt.Sprintf("%s alerts in %s MiB", thousands(l.Alerts), thousands(l.JournalBytes>>20)))
	t.row("taken in without a store", thousands(int64(l.TakenIn))+"/s")
	t.row("ready after", milli(l.Ready))
	t.row("drained in", l.Drain.Round(100*time.Millisecond).String())
	t.row("drained", thousands(int64(l.Drained))+"/s")
	t.row("stored without a backlog, before", thousands(int64(l.NormalBefore))+"/s")
	t.row("stored without a backlog, after", thousands(int64(l.NormalAfter))+"/s")
	t.row("server, peak of memory", fmt.Sprintf("%d MiB", l.Peak>>20))
	t.row("acknowledged, in all", thousands(l.Acknowledged))
	t.row("rows of `alert_events`", thousands(l.Rows))
}

type table struct{ b *strings.Builder }

func newTable(b *strings.Builder, title string, columns ...string) *table {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	t := &table{b}
	t.row(columns...)
	b.WriteString(strings.Repeat("| --- ", len(columns)) + "|\n")
	return t
}

func (t *table) row(cells ...string) { t.b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

func pairs(m map[string]string, sep string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, k+sep+m[k])
	}
	return strings.Join(all, ", ")
}

// thousands writes a number in groups of three.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

func micros(ns float64) string { return fmt.Sprintf("%.2f µs", ns/1e3) }

func milli(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

func orNone(f float64, format func(float64) string) string {
	if f == 0 {
		return "–"
	}
	return format(f)
}
