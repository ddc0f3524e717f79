// Package grafana holds the dashboard to what Grafana expects of a file that is
// provisioned. That its queries find something is tested in internal/e2e.
package grafana

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	dashboardFile = "dashboards/stormdrain.json"
	historyFile   = "dashboards/history.json"
)

type dashboard struct {
	ID            *int
	UID           string
	Title         string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []variable }
	Annotations   struct{ List []annotation }
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Datasource  *datasource
	GridPos     struct{ H, W, X, Y int }
	Targets     []target
	FieldConfig struct {
		Defaults  struct{ Unit string }
		Overrides []struct {
			Matcher struct{ ID, Options string }
		}
	}
}

type target struct {
	RefID        string
	Datasource   *datasource
	Expr         string
	LegendFormat string
}

type datasource struct{ Type, UID string }

type variable struct {
	Name, Type string
	Datasource *datasource
	Query      any
}

type annotation struct {
	Name       string
	Datasource datasource
	Expr       string
}

func read(t *testing.T) (d dashboard, text string) { return readFile(t, dashboardFile) }

func readFile(t *testing.T, file string) (d dashboard, text string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d, string(b)
}

// TestDashboardCanBeProvisioned: it is found by the same address for ever, belongs
// to no Grafana yet, and asks whatever data source is chosen.
func TestDashboardCanBeProvisioned(t *testing.T) {
	d, text := read(t)
	if d.UID != "stormdrain" || d.Title != "stormdrain" {
		t.Errorf("uid %q and title %q are where people's links lead to: they stay", d.UID, d.Title)
	}
	canBeProvisioned(t, d, text, datasource{"prometheus", "${datasource}"})
	d, text = readFile(t, historyFile)
	if d.UID != "stormdrain-history" {
		t.Errorf("uid %q is where people's links lead to: it stays", d.UID)
	}
	canBeProvisioned(t, d, text, datasource{"postgres", "${datasource}"})
}

func canBeProvisioned(t *testing.T, d dashboard, text string, chosen datasource) {
	t.Helper()
	if d.ID != nil {
		t.Errorf("id %d is that of one Grafana's database", *d.ID)
	}
	if d.SchemaVersion < 36 {
		t.Errorf("schemaVersion %d: before 36 a data source is a name", d.SchemaVersion)
	}
	if m := regexp.MustCompile(`https?://|\b\d+\.\d+\.\d+\.\d+\b|localhost|__inputs|pluginVersion`).FindString(text); m != "" {
		t.Errorf("%q is of one machine", m)
	}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if p.Datasource == nil || *p.Datasource != chosen {
			t.Errorf("%s: data source %v, want %v", p.Title, p.Datasource, chosen)
		}
		for _, q := range p.Targets {
			if q.Datasource == nil || *q.Datasource != chosen {
				t.Errorf("%s, %s: data source %v, want %v", p.Title, q.RefID, q.Datasource, chosen)
			}
		}
	}
}

// TestPanelsHaveTheirPlace: no two at one place, with one number or one title.
func TestPanelsHaveTheirPlace(t *testing.T) {
	for _, file := range []string{dashboardFile, historyFile} {
		d, _ := readFile(t, file)
		haveTheirPlace(t, d)
	}
}

func haveTheirPlace(t *testing.T, d dashboard) {
	t.Helper()
	const width = 24
	taken := make(map[[2]int]string)
	ids, titles := make(map[int]bool), make(map[string]bool)
	for _, p := range d.Panels {
		if p.ID < 1 || ids[p.ID] || p.Title == "" || titles[p.Title] {
			t.Errorf("panel %d %q: number or title is missing or there twice", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > width {
			t.Errorf("%s is not on the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// TestPanelsAskSomething: each has a unit and queries that say what they are, and
// an override is for a line that exists.
func TestPanelsAskSomething(t *testing.T) {
	d, _ := read(t)
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if !slices.Contains([]string{"stat", "timeseries"}, p.Type) {
			t.Errorf("%s: there is no panel %q in every Grafana", p.Title, p.Type)
		}
		if len(p.Targets) == 0 || p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%s asks nothing or has no unit", p.Title)
		}
		names := make(map[string]bool)
		for _, q := range p.Targets {
			if names[q.LegendFormat] || q.LegendFormat == "" && p.Type == "timeseries" {
				t.Errorf("%s, %s: the legend %q does not tell it from the others", p.Title, q.RefID, q.LegendFormat)
			}
			names[q.LegendFormat] = true
			if !strings.Contains(q.Expr, `job=~"$job",instance=~"$instance"`) {
				t.Errorf("%s, %s: job and instance cannot be chosen", p.Title, q.RefID)
			}
		}
		for _, o := range p.FieldConfig.Overrides {
			if o.Matcher.ID != "byName" || !names[o.Matcher.Options] {
				t.Errorf("%s: an override is for %q, which is not there", p.Title, o.Matcher.Options)
			}
		}
	}
}

// TestVariables: what is used is there, and what is there is used.
func TestVariables(t *testing.T) {
	d, text := read(t)
	known := map[string]bool{"__rate_interval": true, "__interval": true, "__all": true}
	for _, v := range d.Templating.List {
		known[v.Name] = true
		if uses := strings.Count(text, "$"+v.Name) + strings.Count(text, "${"+v.Name); uses == 0 {
			t.Errorf("nobody uses $%s", v.Name)
		}
	}
	for _, name := range []string{"datasource", "job", "instance"} {
		if !known[name] {
			t.Errorf("%s cannot be chosen", name)
		}
	}
	for _, m := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("there is no variable %s", m[0])
		}
	}
}

// TestQueriesArePromQL has Prometheus itself parse each query, as a rule.
func TestQueriesArePromQL(t *testing.T) {
	d, _ := read(t)
	type recording struct {
		Record, Expr string
	}
	var rules []recording
	add := func(expr string) {
		expr = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "1m").Replace(expr)
		rules = append(rules, recording{"x:" + string(rune('a'+len(rules)%26)), expr})
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			add(q.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr != "" {
			add(a.Expr)
		}
	}
	if len(rules) < 50 {
		t.Errorf("%d queries: have they moved?", len(rules))
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Fatal("promtool is not in PATH; make deps installs it with Prometheus")
	}
	if out, err := exec.Command("promtool", "check", "rules", "--lint=none", path).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestProvisioning checks that the two files have no key that Grafana would
// silently pass over.
func TestProvisioning(t *testing.T) {
	f := func(path string, into any) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		if err := dec.Decode(into); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, Type, UID, Access, URL string
			IsDefault                    bool `yaml:"isDefault"`
			JSONData                     struct {
				HTTPMethod   string `yaml:"httpMethod"`
				TimeInterval string `yaml:"timeInterval"`
			} `yaml:"jsonData"`
		}
	}
	f("provisioning/datasources/stormdrain.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.APIVersion != 1 {
		t.Errorf("data sources: %+v", sources)
	}
	var databases struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, Type, UID, URL, User string
			JSONData                   struct {
				Database, SSLMode string
				PostgresVersion   int `yaml:"postgresVersion"`
			} `yaml:"jsonData"`
			SecureJSONData struct{ Password string } `yaml:"secureJsonData"`
		}
	}
	f("provisioning/datasources/stormdrain-postgres.yml", &databases)
	if len(databases.Datasources) != 1 || databases.Datasources[0].Type != "postgres" || databases.Datasources[0].SecureJSONData.Password != "$POSTGRES_PASSWORD" {
		t.Errorf("data sources: %+v", databases)
	}
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type, Folder    string
			AllowUIUpdates        bool `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int  `yaml:"updateIntervalSeconds"`
			Options               struct{ Path string }
		}
	}
	f("provisioning/dashboards/stormdrain.yml", &dashboards)
	if len(dashboards.Providers) != 1 || dashboards.Providers[0].Options.Path == "" || dashboards.APIVersion != 1 {
		t.Errorf("dashboards: %+v", dashboards)
	}
}
