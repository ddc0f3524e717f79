package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestHostileLabelsAreText: whatever a sender writes is read, never run and never
// markup, wherever it is shown.
func TestHostileLabelsAreText(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url(""))
	harmless := func(where string) {
		t.Helper()
		var bad []string
		p.eval(`[
			window.pwned && "a script ran",
			document.querySelector("main img, main script, main iframe, main style, main form:not([id])") && "labels became markup",
			...[...document.querySelectorAll("a[target]")].filter((a) => !/^https?:$/.test(a.protocol) || !a.relList.contains("noopener")).map((a) => a.href),
			document.documentElement.scrollWidth > innerWidth && "the page is too wide",
		].filter(Boolean)`, &bad)
		for _, what := range bad {
			t.Errorf("%s: %s", where, what)
		}
		p.clean()
	}
	p.wait(listed)
	p.wait(drawn)
	for _, text := range hostile[:3] {
		p.wait(fmt.Sprintf(`[...%s].some((r) => r.querySelector("b").textContent === %s)`, rows, js(text)))
	}
	harmless("list")
	for i, text := range hostile {
		p.follow("?alert=" + hostileFingerprint(i))
		p.wait(fmt.Sprintf(`document.querySelector("#life h2")?.lastChild.textContent === %s`, js(shown.Replace(text))))
		p.wait(fmt.Sprintf(`[...document.querySelectorAll(".labels li")].some((li) => li.textContent === "__proto__ " + %s)`, js(shown.Replace(text))))
		p.wait(`[...document.querySelectorAll("#life h2, .labels button")].every((e) => e.getBoundingClientRect().height < 200)`)
		harmless("life of " + text[:5])
	}
	p.follow("?alert=" + fingerprint)
	p.wait(told)
	p.wait(`document.querySelector(".annotations a").href === "https://runbooks.example.com/NodeDown?a=1&b=2"`)
	harmless("story")
	p.follow("?view=noisy")
	p.wait(noisy)
	harmless("noisy")
	p.follow("?view=gaps")
	p.wait(`document.querySelectorAll("#source-body tr").length === 5`)
	harmless("gaps")
	quiet := runProgram(t)
	p.visit(quiet.url("?view=live"))
	p.wait(live)
	if err := sendHostile(quiet, time.Now()); err != nil {
		t.Fatal(err)
	}
	p.wait(fmt.Sprintf(`document.querySelectorAll("#tail li").length === %d`, len(hostile)))
	harmless("live")

	// What is shown by its number is searched for as it is.
	p.visit(storm.url(""))
	p.wait(listed)
	p.press("/")
	p.write("alertname=\"\u202e")
	p.wait(`document.querySelector("#completions li")?.textContent.startsWith("\\u202egnp.exe")`)
	p.press("Tab")
	p.press("Enter")
	p.wait(rows + `.length === 1 && document.querySelector("#list .row b").textContent.startsWith("\\u202egnp.exe")`)

	// The address is made by others, too.
	p.visit(storm.url("?source=%3Cimg%20src=x%20onerror=window.pwned=1%3E&view=__proto__&at=%3Cscript%3E&q=%3C&alert=%22%3E%3Cscript%3E&by=constructor"))
	p.wait(`document.querySelector("#chips button")?.textContent.includes("<img")`)
	p.eval(`window.pwned`, nil)
	if p.text(`window.pwned`) != "undefined" {
		t.Error("a script from the address ran")
	}
}

// shown is how the page writes what would turn the order of letters about.
var shown = strings.NewReplacer("\u202e", `\u202e`, "\u2066", `\u2066`)

// js writes a string as a script holds it.
func js(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
