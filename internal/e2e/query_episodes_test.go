package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestQueryOfEpisodes asks, of a night with an alert that flapped and one that
// nobody saw the end of, what a person would ask.
func TestQueryOfEpisodes(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		n := 0
		post := func(name, status, starts, ends string) {
			t.Helper()
			n++
			body := fmt.Appendf(nil, `{"receiver":"r","alerts":[{"status":%q,"startsAt":%q,"endsAt":%q,"labels":{"alertname":%q,"severity":"critical","team":"db"}}]}`,
				status, "2026-11-24T"+starts+"Z", "2026-11-24T"+ends+"Z", name)
			c.deliver("/webhook/eu", fmt.Sprint(n), body, 1)
		}
		post("NodeDown", "firing", "03:02:10", "00:00:00")
		post("NodeDown", "resolved", "03:02:10", "03:09:40")
		post("NodeDown", "firing", "03:11:40", "00:00:00")
		post("NodeDown", "firing", "03:11:40", "00:00:00")
		post("NodeDown", "resolved", "03:11:40", "03:48:00")
		post("Latency", "firing", "03:05:00", "00:00:00")
		post("Latency", "firing", "09:05:00", "00:00:00")
		c.waitAtRest()
		eventually(t, startLimit, func() string {
			stdout, stderr, _ := p.ask("-o", "ndjson")
			if n := strings.Count(stdout, "\n"); n != 4 {
				return fmt.Sprintf("%d episodes: %s%s", n, stdout, stderr)
			}
			return ""
		})
		f := func(want string, args ...string) {
			t.Helper()
			stdout, stderr, code := p.ask(args...)
			if code != 0 || stderr != "" {
				t.Errorf("%q: status %d, %s", args, code, stderr)
			}
			var got []string
			for line := range strings.Lines(stdout) {
				got = append(got, strings.Join(strings.Fields(line), " "))
			}
			if all := strings.Join(got, "\n"); !strings.HasSuffix(all, want) || strings.Count(all, "\n") != strings.Count(want, "\n")+1 {
				t.Errorf("%q:\n%s\nwant\n%s", args, all, want)
			}
		}
		// A wide table has the year in it, so that this is true next year, too.
		const (
			flapped = "2026-11-24 03:11:40 resolved 36m20s critical NodeDown eu team=db 2026-11-24 03:48:00 3 r bd04500756f6670f"
			unknown = "2026-11-24 03:05:00 unknown <6h0m critical Latency eu team=db 2026-11-24 09:05:00 1 r 1882c71bae8796f3"
		)
		f(flapped+"\n"+unknown, "-o", "wide", "--at", "2026-11-24 03:12")
		f(flapped, "-o", "wide", "NodeDown", "--at", "2026-11-24T03:12:00Z", "team=~d.*")
		stdout, _, _ := p.ask("-o", "json", "--open")
		var page struct {
			Episodes []struct{ Status, StartsAt string }
		}
		if err := json.Unmarshal([]byte(stdout), &page); err != nil || len(page.Episodes) != 1 || page.Episodes[0].StartsAt != "2026-11-24T09:05:00Z" {
			t.Errorf("%v in %s", err, stdout)
		}
		f("db 4 2 2 1 1 21m55s 36m20s 7\n(total) 4 2 2 1 1 21m55s 36m20s 7", "stats", "--by=team", "--from=2026-11-24", "--to=2026-11-25")
	})
}
