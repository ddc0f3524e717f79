package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stormdrain/internal/config"
	"stormdrain/internal/obs"
	"stormdrain/storage/postgres"
	"stormdrain/tuning/doctor"
)

// doctorPatience is how long the store may take to answer.
const doctorPatience = 15 * time.Second

// errUnfit ends the program with status 1; the lines have said why.
var errUnfit = errors.New("this machine is not fit as it is: see the checks that fail")

// examine is the command doctor.
func examine(ctx context.Context, cfg *config.Config, m doctor.Machine, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	results := doctor.Examine(ctx, m, doctorPlan(cfg))
	for i := range results {
		results[i].Found = config.OneLine(results[i].Found) // may quote what a driver says of a URL
	}
	var err error
	if cfg.Doctor.Format == "json" {
		err = doctor.PrintJSON(stdout, results)
	} else {
		err = doctor.PrintText(stdout, results, obs.IsTerminal(stdout) && os.Getenv("NO_COLOR") == "")
	}
	if err == nil && doctor.Worst(results) == doctor.Fail {
		err = errUnfit
	}
	return err
}

// doctorPlan says what serve would do with this configuration.
func doctorPlan(cfg *config.Config) *doctor.Plan {
	p := &doctor.Plan{
		Folder: nearestFolder(cfg.Data.Dir), DataDir: cfg.Data.Dir,
		Listen: cfg.Server.Listen, MaxConnections: cfg.Server.MaxConnections,
		JournalBytes: cfg.Journal.MaxBytes, SegmentBytes: cfg.Journal.SegmentBytes,
		MemoryBytes:    cfg.Pipeline.InFlightMaxBytes + cfg.Pipeline.InternMaxBytes + cfg.Pipeline.BodyCacheBytes,
		RequestTimeout: cfg.Webhook.RequestTimeout,
		Store:          "SQLite in " + cfg.Data.Dir,
		Pool:           cfg.Database.MaxConnections,
	}
	for _, f := range []doctor.SecretFile{{Key: "auth.bearer_token_file", Path: cfg.Auth.BearerTokenFile}, {Key: "auth.hmac_secret_file", Path: cfg.Auth.HMACSecretFile},
		{Key: "web.config.file", Path: cfg.WebConfigFile}, {Key: "storage.url_file", Path: cfg.Storage.URLFile}} {
		if f.Path != "" {
			p.SecretFiles = append(p.SecretFiles, f)
		}
	}
	if path, ok := strings.CutPrefix(cfg.Storage.URL, "sqlite:"); ok {
		p.Store = "SQLite, " + path
	} else if cfg.Storage.URL != "" {
		p.Store = config.OneLine(cfg.Storage.URL)
		p.Postgres = examined{postgresConfig(cfg)}
	}
	return p
}

// nearestFolder is the folder, or the nearest one above it that is there: doctor
// makes nothing.
func nearestFolder(path string) string {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && info.IsDir() || path == filepath.Dir(path) {
			return path
		}
	}
}

// examined lets the doctor look at a store's server, neither of which knows the
// other.
type examined struct{ cfg postgres.Config }

func (e examined) Examine(ctx context.Context) (doctor.PostgresFacts, error) {
	facts, err := postgres.Examine(ctx, e.cfg)
	return doctor.PostgresFacts(facts), err
}
