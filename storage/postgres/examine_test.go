package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/pgtest"
)

// TestExamine asks a real server, as somebody with all rights and as somebody
// without, and leaves nothing behind.
func TestExamine(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.NoFsync, "synchronous_commit=off", "timezone=Asia/Tokyo", "max_connections=20")
	cfg := DefaultConfig()
	cfg.URL = cluster.CreateDatabase("fit")
	f, err := Examine(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if f.Version < 140000 || f.Fsync != "off" || f.FullPageWrites != "on" || f.WALLevel != "replica" || f.Encoding != "UTF8" ||
		f.SyncCommit != "on" || f.TimeZone != "UTC" || f.InRecovery || f.MaxConnections != 17 || f.UsedByOthers != 0 ||
		f.User != "postgres" || f.Schema != "public" || f.RightsError != "" {
		t.Errorf("%+v", f)
	}
	c, err := pgconn.Connect(t.Context(), cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	results, err := c.Exec(t.Context(), `REVOKE CREATE ON SCHEMA public FROM public; CREATE ROLE weak LOGIN;
		SELECT count(*) FROM pg_class WHERE relname LIKE 'stormdrain%'`).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if left := string(results[2].Rows[0][0]); left != "0" {
		t.Errorf("%s tables left behind", left)
	}
	cfg.URL = strings.Replace(cfg.URL, "postgres@", "weak@", 1)
	f, err = Examine(t.Context(), cfg)
	if err != nil || f.User != "weak" || !strings.Contains(f.RightsError, "permission denied for schema public") || f.UsedByOthers != 1 {
		t.Errorf("%v, %+v", err, f)
	}
	cluster.Stop()
	if _, err := Examine(t.Context(), cfg); err == nil {
		t.Error("no error, and no server")
	}
}
