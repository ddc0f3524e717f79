package browser

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// browser is one for all tests, and so is the program with the storm: either takes
// its time to be there. Nothing is sent to this program any more.
var (
	browser *chromium
	storm   *program
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	// More than there are processors: most tests wait for the page, and one of them does
	// nothing else for a minute.
	if err := flag.Set("test.parallel", fmt.Sprint(runtime.GOMAXPROCS(0)+2)); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "stormdrain-page-")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = build(dir)
	}
	if err == nil {
		storm = &program{data: filepath.Join(dir, "data"), address: "127.0.0.1:0"}
		defer storm.kill()
		err = storm.start()
	}
	if err == nil {
		stormAt = time.Now().Truncate(time.Second)
		err = sendStorm(storm, stormAt)
	}
	if err == nil {
		browser, err = launch()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer browser.close()
	if err := storm.settle(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// stormAt is when the storm was at its end.
var stormAt time.Time

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
	p := open(t, storm.url(""))
	p.wait(listed)
	p.wait(drawn)
	p.wait(`document.getElementById("health-state").textContent === "ready"`)
	for id, want := range map[string]string{
		"health-backlog": "backlog none", "health-store": "sqlite", "now-text": "live", "storm-title": "Received", "summary": "300+ episodes",
	} {
		if got := p.text(fmt.Sprintf("document.getElementById(%q).textContent", id)); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	first := p.text(`document.querySelector("#list .row:not([hidden])").innerText`)
	for _, want := range []string{"NodeDown", "namespace=infra", "×2"} {
		if !strings.Contains(first, want) {
			t.Errorf("the newest episode is shown as %q, without %s", first, want)
		}
	}
	p.wait(`(() => {
		const c = document.getElementById("canvas");
		return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v === 255).length > 1000;
	})()`)
	p.clean()
}

// TestFindsByMatchers: names and values are completed as one types, and what is
// asked for is in the address and in the questions.
func TestFindsByMatchers(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url(""))
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
	p.questions("episodes")
	p.press("Enter")
	p.wait(`new URLSearchParams(location.search).get("q") === 'severity="critical"'`)
	p.wait(`document.getElementById("storm-title").textContent === "Episodes that began"`)
	p.wait(listed + ` && [...` + rows + `].every((r) => r.querySelector(".mark.critical"))`)
	if asked := p.lastQuestion("episodes"); asked.Get("filter") != `{severity="critical"}` {
		t.Errorf("asked %v", asked)
	}
	p.clean()

	// A label that is in a life narrows the search further.
	p.press("Escape")
	p.click("#list .row:not([hidden])")
	p.wait(told)
	p.eval(`[...document.querySelectorAll(".labels button")].find((b) => b.textContent.startsWith("namespace")).click()`, nil)
	p.wait(`new URLSearchParams(location.search).get("q") === 'severity="critical", namespace="infra"'`)
}

// TestWrongMatchers: what is wrong is said where it was typed, in each view, and
// nothing is asked again and again.
func TestWrongMatchers(t *testing.T) {
	t.Parallel()
	p := open(t, "about:blank")
	for _, view := range []string{"episodes", "live", "noisy"} {
		p.visit(storm.url("?view=" + view + "&q=" + "severity%3D~%22%28%22"))
		p.wait(`document.getElementById("search-error").textContent.includes("want matchers")`)
		p.wait(`document.getElementById("q").getAttribute("aria-invalid") === "true"`)
		if view == "live" {
			p.wait(`document.getElementById("tail-state").textContent === "not listening"`)
		}
	}
	p.visit(storm.url("?q=" + "severity%3D~%22%28%22"))
	p.wait(`document.getElementById("search-error").textContent.includes("want matchers")`)
	if !p.truth(`document.getElementById("episodes-empty").hidden`) {
		t.Error("a question that is none is answered with: nothing was firing")
	}
	p.click("#home")
	p.wait(listed + ` && document.getElementById("search-error").hidden`)
}

// TestKeyboard: everything that one does at night can be done without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url(""))
	p.wait(listed)
	p.press("j")
	p.press("j")
	p.wait(`document.querySelector("#list .row[aria-selected=true]")?.ariaRowIndex === "2"`)
	p.press("k")
	p.wait(`document.querySelector("#list .row[aria-selected=true]")?.ariaRowIndex === "1"`)
	p.press("Enter")
	p.wait(told + ` && location.search.includes("alert=` + fingerprint + `")`)
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

// TestLives: an alert's life is what was received of it, and what Alertmanager's
// event recorder has told.
func TestLives(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url(""))
	p.wait(listed)
	tells := func(fingerprint string, all ...string) {
		t.Helper()
		p.follow("?alert=" + fingerprint)
		for _, want := range all {
			p.wait(fmt.Sprintf(`document.querySelector(".story").textContent.includes(%q)`, want))
		}
	}
	tells(fingerprint, "Received as firing", "Received as resolved", "Created", "Grouped", "Notified", "Resolved")
	tells(silenced, "Silenced ×2", "Resolved")
	tells(inhibited, "Inhibited", "by b4683d7b0069a334")
	p.clean()
}

// TestCopiesMatchers: the labels of an alert are copied as one line that finds it, also
// where the page is served without TLS and a browser has only the old way.
func TestCopiesMatchers(t *testing.T) {
	t.Parallel()
	const want = `{alertname="NodeDown", namespace="infra", node="n1", severity="critical"}`
	p := open(t, storm.url("?alert="+fingerprint))
	p.wait(told)
	p.eval(`Object.defineProperty(navigator, "clipboard", { value: undefined }), document.addEventListener("copy", () => { window.copied = getSelection().toString(); })`, nil)
	const button = `[...document.querySelectorAll("#life button")].find((b) => b.textContent === "Copy as matchers")`
	p.eval(button+`.id = "copying"`, nil)
	p.click("#copying")
	p.wait(`document.querySelector("#life").textContent.includes("Copied") && document.activeElement.id === "copying"`)
	if got := p.text(`window.copied`); got != want {
		t.Errorf("copied %q, want %q", got, want)
	}
	// What is the same is not drawn anew under the hand.
	p.wait(`performance.getEntriesByType("resource").filter((r) => r.name.includes("/api/v1/events?")).length > 2 && document.activeElement.id === "copying"`)
	p.visit(storm.url("?q=" + url.QueryEscape(want)))
	p.wait(rows + `.length > 1 && [...` + rows + `].every((r) => r.textContent.includes("NodeDown"))`)
	p.clean()
}

// TestLifeWithoutRecorder: where the recorder's events cannot be had, the rest of a
// life is shown all the same, and what is missing is said.
func TestLifeWithoutRecorder(t *testing.T) {
	t.Parallel()
	between := newProxy(t, storm)
	between.failing("timeline", http.StatusNotFound, "no such page")
	p := open(t, between.URL+"/?alert="+fingerprint)
	p.wait(`document.querySelector(".story").textContent.includes("Received as firing")`)
	p.wait(`document.querySelector("#life .trouble:not([hidden])").textContent.includes("no such page")`)
	between.failing("timeline", http.StatusServiceUnavailable, "the store cannot be read")
	p.visit(between.URL + "/?alert=" + fingerprint)
	p.wait(`document.querySelector("#life .trouble:not([hidden])").textContent.includes("the store cannot be read")`)
	between.failing("timeline", 0, "")
	p.wait(`document.querySelector(".story").textContent.includes("Created")`) // nobody has clicked
}

// TestNoisiest: the table says what the API does, and leads on.
func TestNoisiest(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url("?view=noisy&by=namespace&sort=receipts"))
	p.wait(noisy)
	p.wait(`document.querySelector("[aria-sort=descending]").textContent === "receipts"`)
	p.questions("stats")
	p.click("#noisy-head .of-open button")
	p.wait(`document.querySelector("[aria-sort=descending]").textContent === "open" && location.search.includes("sort=open")`)
	if asked := p.lastQuestion("stats"); asked.Get("sort") != "open" || asked.Get("by") != "namespace" {
		t.Errorf("asked %v", asked)
	}
	p.click("#noisy-body button")
	p.wait(`/^namespace=".+"$/.test(new URLSearchParams(location.search).get("q"))`)
	p.clean()
}

// TestGaps: what is missing is told, and leads to the alert it is about.
func TestGaps(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url("?view=gaps"))
	p.wait(`document.querySelectorAll("#source-body tr").length === 5`)
	p.wait(`[...document.querySelectorAll(".gap")].some((g) => g.textContent.includes("17 alerts were left out"))`)
	var answer struct{ Gaps []struct{} }
	if err := storm.ask("gaps?from=1h&limit=500", &answer); err != nil {
		t.Fatal(err)
	}
	// A source may fall silent in between.
	if shown := int(p.number(`document.querySelectorAll(".gap").length`)); shown < len(answer.Gaps)-1 || shown > len(answer.Gaps)+1 {
		t.Errorf("%d gaps are shown of %d", shown, len(answer.Gaps))
	}
	p.eval(`[...document.querySelectorAll(".gap button")].find((b) => b.textContent === "NodeDown").click()`, nil)
	p.wait(told + ` && location.search.includes("alert=` + fingerprint + `")`)
	p.clean()
}

// TestMoreGaps: a list that is cut says so.
func TestMoreGaps(t *testing.T) {
	t.Parallel()
	s := runProgram(t)
	var missed []alarm
	for i := range 501 {
		at := time.Now().Add(-time.Duration(i) * time.Second)
		missed = append(missed, alarm{Status: "resolved", Labels: map[string]string{"alertname": "PodDown", "pod": fmt.Sprint(i)}, StartsAt: at.Add(-time.Second), EndsAt: at})
	}
	s.mustPost(t, "webhook", webhook(missed...))
	s.mustSettle(t)
	p := open(t, s.url("?view=gaps"))
	p.wait(`document.getElementById("summary").textContent === "the newest 500 gaps"`)
	p.wait(`document.getElementById("gap-list").lastChild.textContent.includes("There are more")`)
	s.mustPost(t, "webhook", webhook(alarm{Labels: map[string]string{"alertname": "Heard"}, StartsAt: time.Now()}))
	p.visit(s.url("?view=gaps&from=1m"))
	p.wait(`/^\d+ gaps$/.test(document.getElementById("summary").textContent)`)
	p.clean()
}
