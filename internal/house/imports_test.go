// Package house checks the rules of the house that a compiler does not: who may
// import whom, and where each third-party library lives.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "stormdrain"

// mayImport says, for each package (or its nearest parent that is listed),
// which packages of ours it may import besides itself. A trailing /... includes
// what is below. docs/design.md tells why.
var mayImport = map[string][]string{
	"internal/alert":        {},
	"internal/record":       {},
	"internal/obs":          {},
	"internal/quarantine":   {"internal/alert"},
	"internal/config":       {"internal/nearest", "server/compress", "server/auth", "server/webconfig"},
	"internal/nearest":      {},
	"internal/datadir":      {},
	"internal/live":         {"internal/alert"},
	"internal/query":        {"internal/alert", "internal/clientflags", "internal/config"},
	"internal/clientflags":  {},
	"internal/health":       {"internal/config"},
	"internal/systemd":      {},
	"internal/pgtest":       {},
	"internal/house":        {},
	"internal/certtest":     {},
	"internal/e2e":          {"internal/pgtest"},
	"deploy":                {},
	"server":                {"internal/...", "server/..."},
	"server/page":           {"server/compress"},
	"pipeline":              {"internal/..."},
	"retention":             {"internal/alert"},
	"storage":               {"storage/fold", "internal/alert"},
	"storage/storagetest":   {"storage", "internal/alert"},
	"storage/journal":       {"internal/record", "storage/journal/..."},
	"storage/fold":          {"internal/alert"},
	"storage/postgres":      {"storage", "storage/fold", "storage/postgres/runs", "internal/alert"},
	"storage/postgres/runs": {},
	"storage/sqlite":        {"storage", "storage/fold", "internal/alert"},
	"tuning":                {},
	"tuning/doctor":         {"tuning"},
	"":                      {"..."},
	"benchmarks":            {"..."},
}

// homes says which packages may import a third-party library, by the beginning
// of its path. Every library must be listed.
var homes = map[string][]string{
	"github.com/valyala/fasthttp":         {"server", "benchmarks"},
	"github.com/fasthttp/router":          {"server"},
	"github.com/klauspost/compress":       {"server", "internal/e2e"},
	"github.com/goccy/go-json":            {"pipeline"},
	"github.com/jackc/pgx/v5":             {"storage/postgres", "internal/e2e", "internal/pgtest", "benchmarks"},
	"modernc.org/sqlite":                  {"storage/sqlite", "internal/e2e", "benchmarks"},
	"github.com/rs/zerolog":               {"internal/obs", "server", "pipeline", "retention", ""},
	"github.com/prometheus/client_golang": {"internal/obs", "internal/e2e"},
	"github.com/prometheus/client_model":  {"internal/obs", "internal/e2e"},
	"github.com/prometheus/common":        {"internal/e2e"},
	"github.com/VictoriaMetrics":          {"internal/e2e"},
	"github.com/alecthomas/kong":          {"internal/config"},
	"go.yaml.in/yaml/v3":                  {"internal/config", "server/webconfig", "internal/e2e", "deploy"},
	"golang.org/x/crypto":                 {"server/auth"},
	"golang.org/x/term":                   {"internal/query"},
	"golang.org/x/text":                   {"internal/query"},
	"github.com/coreos/go-systemd":        {"internal/systemd"},
	"golang.org/x/sys":                    {"internal/datadir", "internal/systemd", "server", "tuning", "storage/journal", "benchmarks"},
	"github.com/HdrHistogram":             {"benchmarks/load"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func TestImportRule(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		rule, allowed := nearestRule(name)
		for _, imported := range p.Imports {
			switch {
			case imported == module || strings.HasPrefix(imported, module+"/"):
				target := strings.TrimPrefix(imported, module+"/")
				if target != name && !matches(allowed, target) {
					t.Errorf("%s imports %s; the rule for %q allows %v", name, target, rule, allowed)
				}
			case strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				checkHome(t, name, imported)
			}
		}
	}
}

// A store, the server and the pipeline meet only in main.
func TestInternalAlertImportsOnlyTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		if p.ImportPath != module+"/internal/alert" {
			continue
		}
		for _, imported := range p.Imports {
			if strings.Contains(imported, ".") || strings.HasPrefix(imported, module) {
				t.Errorf("internal/alert imports %s", imported)
			}
		}
		return
	}
	t.Error("internal/alert is gone")
}

func nearestRule(name string) (rule string, allowed []string) {
	for rule = name; ; {
		if allowed, ok := mayImport[rule]; ok && (rule != "" || name == "") {
			return rule, allowed
		}
		cut := strings.LastIndexByte(rule, '/')
		if cut < 0 {
			return "no rule", nil
		}
		rule = rule[:cut]
	}
}

func matches(patterns []string, target string) bool {
	for _, p := range patterns {
		base, below := strings.CutSuffix(p, "...")
		if target == p || below && strings.HasPrefix(target+"/", base) {
			return true
		}
	}
	return false
}

func checkHome(t *testing.T, name, imported string) {
	t.Helper()
	for library, places := range homes {
		if imported != library && !strings.HasPrefix(imported, library+"/") {
			continue
		}
		for _, place := range places {
			if name == place || place != "" && strings.HasPrefix(name, place+"/") {
				return
			}
		}
		t.Errorf("%q imports %s, whose home is %q", name, imported, places)
		return
	}
	t.Errorf("%q imports %s, which has no home yet", name, imported)
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-pgo=off", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
