package browser

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stormdrain/benchmarks/bodies"
	"stormdrain/internal/pgtest"
)

const (
	live  = `document.getElementById("tail-state").textContent === "live"`
	ready = `document.getElementById("health-state").textContent === "ready"`
	away  = `document.getElementById("health-state").textContent === "stormdrain cannot be reached"`
	lines = `document.querySelectorAll("#tail li").length`
)

// critical sends n critical alerts, all of them new.
func critical(t testing.TB, p *program, name string, n int) {
	t.Helper()
	var alerts []alarm
	for i := range n {
		alerts = append(alerts, alarm{Labels: map[string]string{"alertname": name, "severity": "critical", "instance": fmt.Sprint(i)}, StartsAt: time.Now()})
	}
	p.mustPost(t, "webhook/eu1", webhook(alerts...))
}

// TestLiveTail: lines come as they are stored, and when the server is back after it
// was killed all goes on by itself, with nothing missed in between.
func TestLiveTail(t *testing.T) {
	t.Parallel()
	s := runProgram(t)
	critical(t, s, "Before", 1)
	s.mustSettle(t)
	p := open(t, s.url("?view=live&q=severity%3D%22critical%22"))
	p.wait(live)
	if asked := p.questions("stream"); len(asked) != 1 || asked[0].Get("filter") != `{severity="critical"}` {
		t.Errorf("asked %v", asked)
	}
	p.wait(`document.querySelector("#tail li").textContent.includes("Before")`) // what came before is there
	critical(t, s, "NodeDown", 1)
	s.mustPost(t, "webhook", webhook(alarm{Labels: map[string]string{"alertname": "Other", "severity": "info"}, StartsAt: time.Now()}))
	p.wait(lines + ` === 2 && document.querySelector("#tail li").textContent.includes("NodeDown")`)
	p.wait(`/^[1-9]\d* alerts.s$/.test(document.getElementById("health-rate").textContent) || document.getElementById("health-rate").textContent === "0 alerts/s"`)
	p.wait(`/^p99 [\d.]+ ?m?s$/.test(document.getElementById("health-p99").textContent)`)
	p.clean()

	s.kill()
	p.wait(`document.getElementById("tail-state").textContent.includes("trying again")`)
	p.wait(away)
	s.mustStart(t)
	critical(t, s, "Meanwhile", 3) // most likely before the page is there again
	p.wait(live + ` && ` + ready)
	p.wait(lines + ` === 5 && document.querySelector("#tail li").textContent.includes("Meanwhile")`)
	critical(t, s, "After", 1)
	p.wait(lines + ` === 6`)
	p.wait(`document.getElementById("storm-trouble").hidden && document.getElementById("live-trouble").hidden`)

	// While it is paused nothing moves, and nothing is forgotten.
	p.click("#pause")
	p.wait(`document.getElementById("pause").ariaPressed === "true"`)
	critical(t, s, "Paused", 2)
	s.mustSettle(t)
	p.click("#pause")
	p.wait(lines + ` === 8`)

	// A storm is shown in part; the document stays small.
	for i := range 2 {
		critical(t, s, fmt.Sprint("Storm", i), 400)
		p.wait(lines + fmt.Sprintf(` === 300 && document.querySelector("#tail li").textContent.includes("Storm%d")`, i))
	}
}

// TestLiveTailThatIsSlow: who cannot follow is told how much was lost.
func TestLiveTailThatIsSlow(t *testing.T) {
	t.Parallel()
	s := runProgram(t)
	between := newProxy(t, s)
	p := open(t, between.URL+"/?view=live")
	p.wait(live)
	between.held.Lock()
	release := between.held.Unlock
	defer func() { release() }()
	var alerts []bodies.Alert
	for i := range 5000 {
		alerts = append(alerts, bodies.Alert{Set: i, Starts: time.Now()})
	}
	for range 4 {
		s.mustPost(t, "webhook", bodies.Append(nil, 1, alerts))
	}
	s.mustSettle(t)
	release()
	release = func() {}
	p.wait(`/^\d+ lost on the way/.test(document.getElementById("tail-lost").textContent)`)
	p.wait(lines + ` === 300`)
}

// TestErrorsAreTold: in one line with the server's own words, with a way to try
// again, which the page also does by itself. Here PostgreSQL is away.
func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	s := runProgram(t, "--storage.url="+cluster.CreateDatabase("stormdrain"))
	critical(t, s, "NodeDown", 10)
	s.mustSettle(t)
	p := open(t, s.url(""))
	p.wait(rows + `.length === 10`)
	p.wait(ready + ` && document.getElementById("health-store").textContent === "postgres"`)
	p.clean()
	cluster.Stop()
	critical(t, s, "Meanwhile", 1)
	p.wait(`document.getElementById("health-state").textContent === "store down; alerts wait in the journal"`)
	p.wait(`/^The episodes: .+ Retry$/.test(document.getElementById("episodes-trouble").textContent) && ` + rows + `.length === 10`)
	p.press("2")
	p.wait(`/^The statistics: .+ Retry$/.test(document.getElementById("noisy-trouble").textContent)`)
	cluster.Restart()
	p.wait(ready)
	p.wait(`document.querySelectorAll("#noisy-body tr").length === 3 && document.getElementById("noisy-trouble").hidden`) // nobody has clicked
	p.press("1")
	p.wait(`document.getElementById("episodes-trouble").hidden && ` + rows + `.length === 11`)
}

// TestRetry: one need not wait.
func TestRetry(t *testing.T) {
	t.Parallel()
	between := newProxy(t, storm)
	between.failing("episodes", http.StatusServiceUnavailable, "the store cannot be read: connection refused; try again")
	p := open(t, between.URL)
	p.wait(`document.getElementById("episodes-trouble").textContent === "The episodes: the store cannot be read: connection refused; try again Retry"`)
	between.failing("episodes", 0, "")
	p.click("#episodes-trouble button")
	p.wait(listed + ` && document.getElementById("episodes-trouble").hidden`)
	between.failing("stream", http.StatusServiceUnavailable, "64 streams are open, or shutting down; try again")
	p.press("4")
	p.wait(`document.getElementById("live-trouble").textContent.startsWith("The live tail: 64 streams are open")`)
	between.failing("stream", 0, "")
	p.wait(live + ` && document.getElementById("live-trouble").hidden`) // nobody has clicked
}

// TestCredentialsAreWanted: who is not let in any more reads that, and what is
// shown stays.
func TestCredentialsAreWanted(t *testing.T) {
	t.Parallel()
	token, config := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "stormdrain.yml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token, "03:12-in-the-morning-is-no-time\n")
	write(config, "auth: {}\n")
	s := runProgram(t, "--config.file="+config)
	critical(t, s, "NodeDown", 1)
	s.mustSettle(t)
	p := open(t, s.url("?view=live"))
	p.wait(live + ` && ` + lines + ` === 1`)
	write(config, "auth: {bearer_token_file: "+token+"}\n")
	s.reload(t)
	p.wait(`document.getElementById("health-state").textContent === "credentials are wanted"`)
	p.wait(`document.getElementById("tail-state").textContent === "not listening"`)
	p.wait(`document.getElementById("live-trouble").textContent.includes("load this page again")`)
	write(config, "auth: {}\n")
	s.reload(t)
	p.wait(live + ` && ` + ready + ` && ` + lines + ` === 1`)
}

// TestListSurvivesARestart: what is shown stays, and is up to date again.
func TestListSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := runProgram(t)
	critical(t, s, "NodeDown", 8)
	s.mustSettle(t)
	p := open(t, s.url(""))
	p.wait(listed)
	p.wait(ready)
	s.kill()
	p.eval(`document.dispatchEvent(new Event("visibilitychange"))`, nil) // somebody looks
	p.wait(away)
	if p.text(`getComputedStyle(document.querySelector("#now .dot")).backgroundColor`) == "rgb(45, 165, 103)" {
		t.Error("the light is green while nobody answers")
	}
	if !p.truth(listed) {
		t.Error("the list has gone with the server")
	}
	s.mustStart(t)
	critical(t, s, "Again", 1)
	p.wait(ready)
	p.wait(`document.getElementById("summary").textContent === "9 episodes"`)
	p.wait(rows + `.length === 9`)
}
