package browser

import "testing"

// TestLiveTailReconnects: lines come as they are stored, what was lost is told, and
// when the server is back after a restart all goes on by itself.
func TestLiveTailReconnects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.url("?view=live&q=severity%3D%22critical%22"))
	const live = `document.getElementById("tail-state").textContent === "live"`
	p.wait(live)
	if asked := s.questions("stream"); len(asked) != 1 || asked[0].Get("filter") != `{severity="critical"}` {
		t.Errorf("asked %v", asked)
	}
	s.say("alert", s.event(s.all[0], 0))
	p.wait(`document.querySelector("#tail li").textContent.includes("NodeDown")`)
	s.say("lost", map[string]int{"lost": 120})
	p.wait(`document.getElementById("tail-lost").textContent.startsWith("120 lost")`)
	p.wait(`document.querySelector("#tail li.lost").textContent === "120 alerts lost here"`)
	p.clean()

	s.stop()
	p.wait(`document.getElementById("tail-state").textContent.includes("trying again")`)
	p.wait(`document.getElementById("health-state").textContent === "stormdrain cannot be reached"`)
	s.start()
	p.wait(live + ` && document.getElementById("health-state").textContent === "ready"`)
	s.say("alert", s.event(s.all[20], 0))
	p.wait(`document.querySelectorAll("#tail li").length === 3`)
	p.wait(`document.getElementById("storm-trouble").hidden`)

	// While it is paused nothing moves, and nothing is forgotten.
	p.click("#pause")
	p.wait(`document.getElementById("pause").ariaPressed === "true"`)
	s.say("alert", s.event(s.all[21], 0))
	s.say("alert", s.event(s.all[22], 0))
	p.click("#pause")
	p.wait(`document.querySelectorAll("#tail li").length === 5`)

	// A storm is shown in part; the document stays small.
	for range 2 {
		for i := range 400 {
			s.say("alert", s.event(s.all[30+i], 0))
		}
		p.wait(`document.querySelectorAll("#tail li").length === 300`)
	}
}

// TestErrorsAreTold: in one line with the server's own words, with a way to try
// again, which the page also does by itself.
func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.failing("episodes", "the store cannot be read: connection refused; try again")
	s.failing("stats", "the store cannot be read: out of memory; try again")
	p := open(t, s.url(""))
	p.wait(`document.getElementById("episodes-trouble").textContent === "The episodes: the store cannot be read: connection refused; try again Retry"`)
	s.failing("episodes", "")
	p.click("#episodes-trouble button")
	p.wait(listed + ` && document.getElementById("episodes-trouble").hidden`)
	p.press("2")
	p.wait(`document.getElementById("noisy-trouble").textContent.includes("out of memory")`)
	s.failing("stats", "")
	p.wait(noisy + ` && document.getElementById("noisy-trouble").hidden`) // nobody has clicked
}

// TestListSurvivesARestart: what is shown stays, and is up to date again.
func TestListSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.url(""))
	p.wait(listed)
	p.wait(`document.getElementById("health-state").textContent === "ready"`)
	s.stop()
	s.questions("episodes")
	s.questions("received")
	p.eval(`dispatchEvent(new Event("visibilitychange")), document.dispatchEvent(new Event("visibilitychange"))`, nil) // somebody looks
	p.wait(`document.getElementById("health-state").textContent === "stormdrain cannot be reached"`)
	if !p.truth(listed) {
		t.Error("the list has gone with the server")
	}
	s.start()
	p.wait(`document.getElementById("health-state").textContent === "ready"`)
	p.wait(`document.getElementById("summary").textContent === "300+ episodes"`)
	p.wait(listed)
}
