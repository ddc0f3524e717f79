package check

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// dockerfile returns the instructions of the last stage, by their kind.
func dockerfile(t *testing.T) (stages []instructions.Stage, last map[string]string) {
	t.Helper()
	parsed, err := parser.Parse(bytes.NewReader(read(t, "../../Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed.Warnings) > 0 {
		t.Errorf("warnings: %+v", parsed.Warnings)
	}
	stages, _, err = instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	last = map[string]string{}
	for _, c := range stages[len(stages)-1].Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			last["user"] = c.User
		case *instructions.ExposeCommand:
			last["expose"] = strings.Join(c.Ports, " ")
		case *instructions.EnvCommand:
			last["env"] = c.String()
		case *instructions.VolumeCommand:
			last["volume"] = strings.Join(c.Volumes, " ")
		case *instructions.EntrypointCommand:
			last["entrypoint"] = strings.Join(c.CmdLine, " ")
			if c.PrependShell {
				t.Error("ENTRYPOINT wants a shell, and there is none")
			}
		case *instructions.HealthCheckCommand:
			last["health"] = strings.Join(c.Health.Test, " ")
		case *instructions.RunCommand:
			t.Errorf("%s wants a shell, and there is none", c.String())
		}
	}
	return stages, last
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	stages, last := dockerfile(t)
	if base := stages[len(stages)-1].BaseName; base != "scratch" {
		t.Errorf("the image is built on %s", base)
	}
	for what, want := range map[string]string{
		"user": "65532:65532", "expose": "9567", "volume": "/data", "entrypoint": "/usr/bin/stormdrain",
		"env": "ENV STORMDRAIN_DATA_DIR=/data", "health": "CMD /usr/bin/stormdrain health",
	} {
		if last[what] != want {
			t.Errorf("%s is %q, want %q", what, last[what], want)
		}
	}
	for _, s := range stages { // what is copied from here has to be here
		for _, c := range s.Commands {
			if c, ok := c.(*instructions.CopyCommand); ok && c.From == "" {
				for _, name := range c.SourcePaths {
					if _, err := os.Stat(filepath.Join("../..", name)); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(folder, "compose.yml")}},
		Environment: types.Mapping{"POSTGRES_PASSWORD": "se/cr:et@"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := project.ServiceNames(); !slices.Equal(got, []string{"alertmanager", "grafana", "postgres", "prometheus", "stormdrain"}) {
		t.Errorf("services: %v", got)
	}
	_, image := dockerfile(t)
	s := project.Services["stormdrain"]
	if url, password := *s.Environment["STORMDRAIN_STORAGE_URL"], *s.Environment["PGPASSWORD"]; !strings.HasPrefix(url, "postgres://stormdrain@postgres:5432/stormdrain") || password != "se/cr:et@" {
		t.Errorf("storage.url is %s, the password %s", url, password)
	}
	if time.Duration(*s.StopGracePeriod) <= (shutdownSeconds+10)*time.Second || s.Volumes[0].Target != image["volume"] || s.Ports[0].Target != port || !s.ReadOnly {
		t.Errorf("stormdrain: %+v", s)
	}
	if _, err := os.Stat(filepath.Join(s.Build.Context, "Dockerfile")); err != nil {
		t.Error(err)
	}
	for name, s := range project.Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to the world at %s", name, p.Published)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && strings.HasPrefix(v.Source, filepath.Join(folder, "compose")) {
				if _, err := os.Stat(v.Source); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
