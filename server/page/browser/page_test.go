package browser

import (
	"fmt"
	"os"
	"testing"
)

// browser is one for all tests: it takes a second to start.
var browser *chromium

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	c, err := launch()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.close()
	browser = c
	return m.Run()
}

const (
	rows   = `document.querySelectorAll("#list .row:not([hidden])")`
	listed = rows + `.length > 5`
	drawn  = `document.querySelectorAll("#legend .key").length > 3`
	noisy  = `document.querySelectorAll("#noisy-body tr").length > 3`
	told   = `document.querySelectorAll(".story li").length > 3`
)

// TestShowsTheStorm: the page shows what the API has, and nothing on the way is an
// error.
func TestShowsTheStorm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.url(""))
	p.wait(listed)
	p.wait(drawn)
	p.wait(`document.getElementById("health-rate").textContent === "812 alerts/s"`)
	for id, want := range map[string]string{
		"health-state": "ready", "health-p99": "p99 2.1 ms", "health-backlog": "backlog 47 KiB, 200ms", "health-store": "sqlite",
		"now-text": "live", "storm-title": "Received", "summary": "300+ episodes",
	} {
		if got := p.text(fmt.Sprintf("document.getElementById(%q).textContent", id)); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	p.wait(`(() => {
		const c = document.getElementById("canvas");
		return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v === 255).length > 2000;
	})()`)
	p.clean()
}

// TestFindsByMatchers: names and values are completed as one types, and what is
// asked for is in the address and in the questions.
func TestFindsByMatchers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.url(""))
	p.wait(listed)
	p.press("/")
	p.wait(`document.activeElement.id === "q"`)
	p.write("sev")
	p.wait(`document.querySelector("#completions li")?.textContent === "severity"`)
	p.press("ArrowDown")
	p.wait(`document.getElementById("q").getAttribute("aria-activedescendant") === "completion-0"`)
	p.press("Enter")
	p.wait(`document.getElementById("q").value === "severity="`)
	p.write(`"cri`)
	p.wait(`document.querySelector("#completions li")?.textContent === "critical"`)
	p.press("Tab")
	p.wait(`document.getElementById("q").value === 'severity="critical"'`)
	s.questions("episodes")
	p.press("Enter")
	p.wait(`new URLSearchParams(location.search).get("q") === 'severity="critical"'`)
	p.wait(`document.getElementById("storm-title").textContent === "Episodes that began"`)
	p.wait(listed + ` && [...` + rows + `].every((r) => r.querySelector(".mark.critical"))`)
	if asked := s.questions("episodes"); len(asked) == 0 || asked[len(asked)-1].Get("filter") != `{severity="critical"}` {
		t.Errorf("asked %v", asked)
	}
	p.clean()

	// A label that is in a life narrows the search further.
	p.press("Escape")
	p.click("#list .row:not([hidden])")
	p.wait(told)
	p.eval(`[...document.querySelectorAll(".labels button")].find((b) => b.textContent.startsWith("namespace")).click()`, nil)
	p.wait(`new URLSearchParams(location.search).get("q") === 'severity="critical", namespace="infra"'`)

	// What is wrong is said where it was typed, and mended there.
	p.visit(s.url("?q=" + "severity%3D~%22%28%22"))
	p.wait(`document.getElementById("search-error").textContent.includes("want matchers")`)
	p.wait(`document.getElementById("q").getAttribute("aria-invalid") === "true"`)
	p.click("#home")
	p.wait(listed + ` && document.getElementById("search-error").hidden`)
}

// TestKeyboard: everything that one does at night can be done without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.url(""))
	p.wait(listed)
	p.press("j")
	p.press("j")
	p.wait(`document.querySelector("#list .row[aria-selected=true]")?.ariaRowIndex === "2"`)
	p.press("k")
	p.wait(`document.querySelector("#list .row[aria-selected=true]")?.ariaRowIndex === "1"`)
	p.press("Enter")
	p.wait(told + ` && location.search.includes("alert=` + fingerprint + `")`)
	for _, want := range []string{
		"Received as firing", "Created", "Grouped", "Silenced ×3", "Inhibited", "Notified", "first notification", "Resolved", "by b4683d7b0069a334", "somethingNew",
	} {
		p.wait(fmt.Sprintf(`document.querySelector(".story").textContent.includes(%q)`, want))
	}
	p.press("Escape")
	p.wait(`!location.search.includes("alert=") && document.getElementById("life").hidden && document.activeElement.id === "list"`)
	p.press("?")
	p.wait(`document.getElementById("help").open`)
	p.press("Escape")
	p.wait(`!document.getElementById("help").open`)
	for key, view := range map[string]string{"2": "noisy", "3": "gaps", "4": "live", "1": "episodes"} {
		p.press(key)
		p.wait(fmt.Sprintf(`!document.getElementById(%q).hidden && document.getElementById("tab-%s").ariaSelected === "true"`, view, view))
	}
	p.press("+")
	p.wait(`location.search.includes("from=") && document.getElementById("now-text").textContent !== "live"`)
	p.press("t")
	p.wait(`!location.search.includes("from=") && document.getElementById("now-text").textContent === "live"`)
	// What one types into the box is no command.
	p.press("/")
	p.write("t")
	p.press("j")
	p.wait(`document.getElementById("q").value === "tj"`)
	p.clean()
}

// TestNoisiestAndGaps: the tables say what the API does, and lead on.
func TestNoisiestAndGaps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.url("?view=noisy&by=instance&sort=receipts"))
	p.wait(noisy)
	p.wait(`document.querySelector("[aria-sort=descending]").textContent === "receipts"`)
	s.questions("stats")
	p.click("#noisy-head .of-open button")
	p.wait(`document.querySelector("[aria-sort=descending]").textContent === "open" && location.search.includes("sort=open")`)
	// A refresh may have asked the question before in between.
	if asked := s.questions("stats"); len(asked) == 0 || asked[len(asked)-1].Get("sort") != "open" || asked[len(asked)-1].Get("by") != "instance" {
		t.Errorf("asked %v", asked)
	}
	p.click("#noisy-body button")
	p.wait(`/^instance="n\d+.*"$/.test(new URLSearchParams(location.search).get("q"))`)
	p.press("3")
	p.wait(`document.querySelectorAll(".gap").length === 3 && document.querySelectorAll("#source-body tr").length === 2`)
	p.wait(`document.querySelector(".gap").textContent.includes("17 alerts were left out")`)
	p.click(".gap button")
	p.wait(told)
	p.clean()
}
