package config

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// The linker sets these for a release, and nobody else writes them:
//
//	-X stormdrain/internal/config.version=... -X stormdrain/internal/config.commit=...
var (
	version string
	commit  string
)

// Build says which program this is, for --version and for build_info.
type Build struct {
	Version string
	Commit  string // "unknown" when built outside a checkout; "-dirty" behind it for one with changes
	Go      string
}

// ThisBuild prefers what the linker was told to what the Go command recorded.
func ThisBuild() Build {
	info, _ := debug.ReadBuildInfo()
	return describeBuild(info, version, commit)
}

func describeBuild(info *debug.BuildInfo, version, commit string) Build {
	b := Build{Version: version, Commit: commit, Go: runtime.Version()}
	if info != nil {
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		if b.Commit == "" {
			b.Commit = recordedCommit(info.Settings)
		}
	}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

func recordedCommit(settings []debug.BuildSetting) string {
	var revision, dirty string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

func (b Build) String() string {
	return fmt.Sprintf("stormdrain version %s, commit %s, %s %s/%s", b.Version, b.Commit, b.Go, runtime.GOOS, runtime.GOARCH)
}
