package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v3"
)

const (
	rulesFile     = "../../deploy/prometheus/stormdrain.rules.yml"
	dashboardFile = "../../deploy/grafana/dashboards/stormdrain.json"
)

// expression is a query of the dashboard or of an alert rule.
type expression struct {
	where string
	expr  string
	panel bool     // a panel that must show something while there is traffic
	shown []string // labels that the legend or an annotation shows
}

// forQueries puts a value in place of each variable of the dashboard.
var forQueries = strings.NewReplacer("$__rate_interval", "10s", "$__interval", "10s",
	"$job", ".+", "$instance", ".+", "$handler", ".+")

var (
	shownInLegend = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	shownInText   = regexp.MustCompile(`\$labels\.(\w+)`)
	comparison    = regexp.MustCompile(` > [0-9.]+\s*$`)
	labelValues   = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
)

func shown(pattern *regexp.Regexp, text string) (labels []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		labels = append(labels, m[1])
	}
	return labels
}

func dashboardExpressions(t *testing.T) (all []expression) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
		Annotations struct {
			List []struct{ Name, Expr, TitleFormat string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all = append(all, expression{"panel " + p.Title, forQueries.Replace(q.Expr), true, shown(shownInLegend, q.LegendFormat)})
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr != "" {
			all = append(all, expression{"annotation " + a.Name, forQueries.Replace(a.Expr), false, shown(shownInLegend, a.TitleFormat)})
		}
	}
	for _, v := range d.Templating.List {
		if v.Definition == "" {
			continue
		}
		m := labelValues.FindStringSubmatch(v.Definition)
		if m == nil {
			t.Errorf("variable %s: %q is not label_values(metric, label)", v.Name, v.Definition)
			continue
		}
		all = append(all, expression{"variable " + v.Name, forQueries.Replace(m[1]), true, []string{m[2]}})
	}
	return all
}

func ruleExpressions(t *testing.T) (all []expression) {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			said := strings.Join(slices.Sorted(maps.Values(r.Annotations)), " ")
			all = append(all, expression{"alert " + r.Alert, r.Expr, false, shown(shownInText, said)})
		}
	}
	return all
}

// quantilesOfRules are the rules over histograms, without what they are compared with
// and in a window as short as a test: they have a value while there is traffic.
func quantilesOfRules(t *testing.T) (all []expression) {
	t.Helper()
	for _, e := range ruleExpressions(t) {
		if strings.Contains(e.expr, "histogram_quantile") {
			e.expr = strings.ReplaceAll(comparison.ReplaceAllString(e.expr, ""), "[5m]", "[10s]")
			e.panel = true
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		t.Fatal("no rule is over a histogram")
	}
	return all
}

// exported is what can be scraped: for each metric, for each of its labels, the
// values that there are.
type exported map[string]map[string][]string

// targetLabels are those that a scrape adds.
var targetLabels = []string{"job", "instance"}

func (x exported) add(metric string, labels map[string]string) {
	if x[metric] == nil {
		x[metric] = make(map[string][]string)
	}
	for name, value := range labels {
		x[metric][name] = append(x[metric][name], value)
	}
}

var (
	scrapedLine  = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? \S+$`)
	scrapedLabel = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// addScrape adds all series of a scrape in Prometheus' text format.
func (x exported) addScrape(text string) {
	for line := range strings.Lines(text) {
		if m := scrapedLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			labels := make(map[string]string)
			for _, l := range scrapedLabel.FindAllStringSubmatch(m[2], -1) {
				labels[l[1]] = l[2]
			}
			x.add(m[1], labels)
			if native, ok := strings.CutSuffix(m[1], "_bucket"); ok { // which text cannot show
				x.add(native, labels)
			}
		}
	}
}

// prometheusOnly are functions that the parser, VictoriaMetrics' own, does not know.
var prometheusOnly = strings.NewReplacer("histogram_count(", "abs(", "histogram_sum(", "abs(")

// faults returns all that an expression asks for and nobody exports.
func (x exported) faults(e expression) (faults []string) {
	parsed, err := metricsql.Parse(prometheusOnly.Replace(e.expr))
	if err != nil {
		return []string{err.Error()}
	}
	labels := slices.Clone(targetLabels)
	metricsql.VisitAll(parsed, func(part metricsql.Expr) {
		if m, ok := part.(*metricsql.MetricExpr); ok {
			for _, filters := range m.LabelFilterss {
				faults = append(faults, x.selectorFaults(filters)...)
				labels = slices.AppendSeq(labels, maps.Keys(x[filters[0].Value]))
			}
		}
	})
	asked := slices.Clone(e.shown)
	metricsql.VisitAll(parsed, func(part metricsql.Expr) {
		if m, ok := part.(*metricsql.ModifierExpr); ok {
			asked = append(asked, m.Args...) // of by, on and the like
		}
	})
	for _, label := range asked {
		if !slices.Contains(labels, label) {
			faults = append(faults, fmt.Sprintf("there is no label %q", label))
		}
	}
	return faults
}

// selectorFaults judges a metric with its conditions. One that holds for no series
// is a fault: nobody would ever notice that it never does.
func (x exported) selectorFaults(filters []metricsql.LabelFilter) (faults []string) {
	name := filters[0].Value
	there, ok := x[name]
	if !ok || filters[0].Label != "__name__" {
		return []string{name + " is not exported"}
	}
	for _, f := range filters[1:] {
		if slices.Contains(targetLabels, f.Label) {
			continue
		}
		pattern := f.Value
		if !f.IsRegexp {
			pattern = regexp.QuoteMeta(pattern)
		}
		holds := regexp.MustCompile("^(?:" + pattern + ")$").MatchString
		if !slices.ContainsFunc(there[f.Label], func(v string) bool { return holds(v) != f.IsNegative }) {
			faults = append(faults, fmt.Sprintf("no series of %s has such a %s as %q", name, f.Label, f.Value))
		}
	}
	return faults
}
