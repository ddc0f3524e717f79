package browser

import (
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"
)

// drag pulls from one part of the plot to another, as parts of its width.
func (p *tab) drag(from, to float64) {
	p.t.Helper()
	b := p.box("#plot")
	const left, right = 44, 8 // the margins of storm.js
	x := func(part float64) float64 { return b.X + left + part*(b.Width-left-right) }
	y := b.Y + b.Height/2
	p.mouse("mouseMoved", x(from), y)
	p.mouse("mousePressed", x(from), y)
	p.mouse("mouseMoved", x((from+to)/2), y)
	p.mouse("mouseMoved", x(to), y)
	p.wait(`!document.getElementById("brush").hidden`)
	p.mouse("mouseReleased", x(to), y)
}

const ofAddress = `new URLSearchParams(location.search)`

// TestDragZooms: the part that was dragged over is what is asked for, it is in the
// address, and back and forward go there and back.
func TestDragZooms(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := open(t, storm.url(""))
	p.wait(listed)
	p.wait(drawn)
	all := p.text(`document.getElementById("summary").textContent`)
	p.questions("episodes")
	p.questions("received")
	p.drag(0.25, 0.5)
	p.wait(ofAddress + `.has("to")`)
	zoomed := p.text("location.search")
	from := p.number(`Date.parse(` + ofAddress + `.get("from"))`)
	to := p.number(`Date.parse(` + ofAddress + `.get("to"))`)
	wantFrom, wantTo := now.Add(-45*time.Minute), now.Add(-30*time.Minute)
	near := func(ms float64, want time.Time) bool {
		return time.UnixMilli(int64(ms)).Sub(want).Abs() < time.Minute
	}
	if !near(from, wantFrom) || !near(to, wantTo) {
		t.Errorf("zoomed to %s, want about %s to %s", zoomed, wantFrom, wantTo)
	}
	p.wait(`document.getElementById("now-text").textContent === "to the present"`)
	p.wait(listed)
	for _, part := range []string{"episodes", "received"} {
		last := p.lastQuestion(part)
		if last.Get("from") != p.text(ofAddress+`.get("from")`) || last.Get("to") != p.text(ofAddress+`.get("to")`) {
			t.Errorf("%s was asked for %v", part, last)
		}
	}

	p.eval("history.back()", nil)
	p.wait(`location.search === "" && document.getElementById("now-text").textContent === "live"`)
	p.wait(fmt.Sprintf(`document.getElementById("summary").textContent === %q`, all))
	p.eval("history.forward()", nil)
	p.wait(fmt.Sprintf(`location.search === %q && document.getElementById("now-text").textContent !== "live"`, zoomed))

	// A link shows the same to somebody else.
	summary := `document.getElementById("summary").textContent`
	p.wait(summary + `!== ""`)
	q := open(t, storm.url(zoomed))
	q.wait(listed)
	q.wait(fmt.Sprintf(`%s === %s`, summary, js(p.text(summary))))
	p.clean()
	q.clean()
}

// TestWhatWasFiring: a click into the storm asks for that moment, and so does the
// form.
func TestWhatWasFiring(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url(""))
	p.wait(listed)
	p.wait(drawn)
	p.questions("episodes")
	p.click("#plot")
	p.wait(ofAddress + `.has("at") && !document.getElementById("moment").hidden`)
	p.wait(listed + ` && document.getElementById("summary").textContent.includes("firing at")`)
	at := p.text(ofAddress + `.get("at")`)
	if asked := p.lastQuestion("episodes"); asked.Get("at") != at || asked.Has("from") {
		t.Errorf("asked %v", asked)
	}
	want := storm.count(t, url.Values{"at": {at}})
	if got := int(p.number(`parseInt(document.getElementById("summary").textContent)`)); got != min(want, 300) {
		t.Errorf("%d were firing at %s, the page says %d", want, at, got)
	}
	p.press("t")
	p.wait(`!` + ofAddress + `.has("at") && document.getElementById("moment").hidden`)
	p.eval(`document.getElementById("at").value = "1969-07-20T03:12:00"`, nil)
	p.click("#travel button")
	p.wait(`Date.parse(` + ofAddress + `.get("at")) === new Date(1969, 6, 20, 3, 12).getTime()`)
	p.wait(`!document.getElementById("episodes-empty").hidden`)
	p.clean()
}

// TestAlertOfTheFuture: a sender's clock may be wrong by years, which is shown as
// what it is.
func TestAlertOfTheFuture(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(capturedDir + "002-future-1-am0.25.0.json")
	if err != nil {
		t.Fatal(err)
	}
	s := runProgram(t)
	s.mustPost(t, "webhook", body)
	s.mustSettle(t)
	p := open(t, s.url(""))
	p.wait(rows + `.length === 1 && document.querySelector("#list .lasted").textContent === "to come"`)
	p.wait(`document.querySelector("#list .since").textContent.startsWith("2035-06-01")`)
	p.clean()
}

// TestSourceFallsSilent: while somebody looks, who has sent and does not any more is
// told, by a name that means harm. It takes a minute, in which the other tests run.
func TestSourceFallsSilent(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url("?view=gaps"))
	p.waitFor(`[...document.querySelectorAll(".gap .bad")].some((b) => b.textContent === "Silent") && document.querySelectorAll("#source-body .bad").length > 0`, 65*time.Second)
	p.wait(fmt.Sprintf(`[...document.querySelectorAll(".gap")].some((g) => g.textContent.includes(%s))`, js("source "+hostile[0]+" has sent nothing since")))
	if p.text(`window.pwned`) != "undefined" {
		t.Error("a script ran")
	}
	p.clean()
}
