package browser

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

// mostNodes bounds the document however long the list is.
const mostNodes = 1500

// TestTenThousandEpisodes: the list goes on to its end, and the document stays
// small: only what is seen is in it.
func TestTenThousandEpisodes(t *testing.T) {
	t.Parallel()
	from := stormAt.Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	episodes := storm.count(t, url.Values{"from": {from}})
	if episodes < waves {
		t.Fatalf("%d episodes, want more than %d", episodes, waves)
	}
	p := open(t, storm.url("?from="+from))
	p.wait(listed)
	nodes := func(where string) {
		t.Helper()
		if n := p.number(`document.querySelectorAll("*").length`); n > mostNodes {
			t.Errorf("%s: %v elements, want at most %d", where, n, mostNodes)
		}
	}
	nodes("at the top")
	p.questions("episodes")
	for loaded := 300; loaded < episodes; loaded += 300 {
		// Again and again, as a hand does: the list grows after it has come.
		p.wait(fmt.Sprintf(`(document.getElementById("list").scrollTop = 1e9, parseInt(document.getElementById("summary").textContent) > %d)`, loaded))
	}
	p.wait(fmt.Sprintf(`document.getElementById("summary").textContent === "%d episodes"`, episodes))
	nodes("with all")
	p.wait(fmt.Sprintf(`(document.getElementById("list").scrollTop = 1e9, [...%s].some((r) => r.ariaRowIndex === "%d"))`, rows, episodes))
	nodes("at the end")
	if n := len(p.questions("episodes")); n < episodes/300-1 {
		t.Errorf("%d questions for the rest of %d episodes", n, episodes)
	}
	// Each row that is seen is at its place, and no two are in one.
	var places []float64
	p.eval(`[...`+rows+`].map((r) => r.getBoundingClientRect().top).sort((a, b) => a - b)`, &places)
	for i := 1; i < len(places); i++ {
		if gap := places[i] - places[i-1]; gap < 20 || gap > 80 || gap != places[1]-places[0] {
			t.Errorf("rows are %v apart", gap)
		}
	}
	// And back to the top, by the keyboard.
	p.eval(`document.getElementById("list").focus()`, nil)
	p.press("End")
	p.wait(fmt.Sprintf(`document.querySelector("#list .row[aria-selected=true]")?.ariaRowIndex === "%d"`, episodes))
	p.press("Home")
	p.wait(`document.querySelector("#list .row[aria-selected=true]")?.ariaRowIndex === "1" && document.getElementById("list").scrollTop === 0`)
	p.clean()
}
