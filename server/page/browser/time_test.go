package browser

import (
	"fmt"
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
	s := newSite(t)
	p := open(t, s.url(""))
	p.wait(listed)
	p.wait(drawn)
	all := p.text(`document.getElementById("summary").textContent`)
	s.questions("episodes")
	s.questions("received")
	p.drag(0.25, 0.5)
	p.wait(ofAddress + `.has("to")`)
	zoomed := p.text("location.search")
	from := p.number(`Date.parse(` + ofAddress + `.get("from"))`)
	to := p.number(`Date.parse(` + ofAddress + `.get("to"))`)
	wantFrom, wantTo := s.now.Add(-45*time.Minute), s.now.Add(-30*time.Minute)
	near := func(ms float64, want time.Time) bool {
		return time.UnixMilli(int64(ms)).Sub(want).Abs() < time.Minute
	}
	if !near(from, wantFrom) || !near(to, wantTo) {
		t.Errorf("zoomed to %s, want about %s to %s", zoomed, wantFrom, wantTo)
	}
	p.wait(`document.getElementById("now-text").textContent === "to the present"`)
	p.wait(listed)
	for _, part := range []string{"episodes", "received"} {
		asked := s.questions(part)
		if len(asked) == 0 {
			t.Errorf("%s was not asked again", part)
			continue
		}
		last := asked[len(asked)-1]
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
	q := open(t, s.url(zoomed))
	q.wait(listed)
	q.wait(fmt.Sprintf(`%s === %s`, summary, js(p.text(summary))))
	p.clean()
	q.clean()
}

// TestWhatWasFiring: a click into the storm asks for that moment, and so does the
// form.
func TestWhatWasFiring(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := open(t, s.url(""))
	p.wait(listed)
	p.wait(drawn)
	s.questions("episodes")
	p.click("#plot")
	p.wait(ofAddress + `.has("at") && !document.getElementById("moment").hidden`)
	p.wait(listed + ` && document.getElementById("summary").textContent.includes("firing at")`)
	asked := s.questions("episodes")
	if len(asked) == 0 || asked[len(asked)-1].Get("at") != p.text(ofAddress+`.get("at")`) || asked[len(asked)-1].Has("from") {
		t.Errorf("asked %v", asked)
	}
	at, err := time.Parse(time.RFC3339, p.text(ofAddress+`.get("at")`))
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, e := range s.all {
		if !e.StartsAt.After(at) && e.until(time.Now()).After(at) {
			want++
		}
	}
	if got := int(p.number(`parseInt(document.getElementById("summary").textContent)`)); got != min(want, 300) {
		t.Errorf("%d were firing at %s, the page says %d", want, at, got)
	}
	p.press("t")
	p.wait(`!` + ofAddress + `.has("at") && document.getElementById("moment").hidden`)
	p.eval(`document.getElementById("at").value = "2026-01-02T03:12:00"`, nil)
	p.click("#travel button")
	p.wait(`Date.parse(` + ofAddress + `.get("at")) === new Date(2026, 0, 2, 3, 12).getTime()`)
	p.wait(`!document.getElementById("episodes-empty").hidden`)
	p.clean()
}
