package storagetest

import (
	"slices"
	"strings"
	"testing"
)

// The columns that the view alert_episodes is promised to have, and what both stores
// have beside them.
const (
	episodeColumns = "source fingerprint alertname severity starts_at ends_at first_received_at last_received_at receipts status labels annotations"
	episodeExtras  = "id superseded_at open resolved_only receivers generator_url"
)

// CheckEpisodesView checks the columns of a store's alert_episodes: a dashboard or a
// query that works with one store works with the other.
func CheckEpisodesView(t *testing.T, names []string) {
	t.Helper()
	want := strings.Fields(episodeColumns + " " + episodeExtras)
	got := slices.Clone(names)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("columns of alert_episodes:\n%s\nwant\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
