package config

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	t.Parallel()
	f := func(info *debug.BuildInfo, version, commit, want string) {
		t.Helper()
		if got := describeBuild(info, version, commit).String(); !strings.HasPrefix(got, "stormdrain version "+want+", "+runtime.Version()+" ") {
			t.Errorf("%s", got)
		}
	}
	recorded := &debug.BuildInfo{
		Main:     debug.Module{Version: "v1.0.0"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}},
	}
	f(nil, "", "", "(devel), commit unknown")
	f(recorded, "", "", "v1.0.0, commit abc-dirty")
	f(recorded, "v2", "def", "v2, commit def")
	f(&debug.BuildInfo{}, "", "def", "(devel), commit def")
}
