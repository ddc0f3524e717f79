package browser

import (
	"fmt"
	"testing"
)

// TestFitsANarrowScreen: nothing is cut off to the right, in any view.
func TestFitsANarrowScreen(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url(""))
	for _, width := range []int{320, 768} {
		p.size(width, 700)
		for view, shown := range map[string]string{
			"": listed, "view=noisy": noisy, "view=gaps": `document.querySelectorAll(".gap").length > 2`,
			"view=live": `document.getElementById("tail-state").textContent === "live"`, "alert=" + fingerprint: told,
		} {
			p.follow("?" + view)
			p.wait(shown)
			p.wait(drawn)
			var wide []string
			p.eval(`[document.documentElement, document.getElementById("life")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.tagName + " " + e.scrollWidth).concat(
				document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.tagName + "#" + e.id) : [])`, &wide)
			if len(wide) > 0 {
				t.Errorf("%d wide, %q: %v", width, view, wide)
			}
		}
	}
	p.clean()
}

// TestDarkAndLight: as the system wishes until somebody switches, which is
// remembered; and everything can be read in both.
func TestDarkAndLight(t *testing.T) {
	t.Parallel()
	p := open(t, "about:blank")
	p.prefers("prefers-color-scheme", "dark")
	p.visit(storm.url(""))
	const ground = `getComputedStyle(document.body).backgroundColor`
	p.wait(`document.documentElement.dataset.theme === "dark" && ` + ground + ` === "rgb(14, 19, 24)"`)
	p.wait(listed)
	readable(t, p, "dark")
	p.prefers("prefers-color-scheme", "light") // the sun rises
	p.wait(`document.documentElement.dataset.theme === "light" && ` + ground + ` === "rgb(244, 246, 248)"`)
	readable(t, p, "light")
	p.click("#theme")
	p.wait(`document.documentElement.dataset.theme === "dark"`)
	p.visit(storm.url("?view=gaps"))
	p.wait(`document.documentElement.dataset.theme === "dark" && !document.getElementById("gaps").hidden`)
	// Nothing moves by itself, so there is nothing that reduced motion would stop.
	if n := p.number(`document.getAnimations().length`); n > 0 {
		t.Errorf("%v animations", n)
	}
	p.clean()
}

// readable checks WCAG AA: 4.5 to 1 for text, 3 to 1 for marks and bars.
func readable(t *testing.T, p *tab, theme string) {
	t.Helper()
	for _, c := range []struct {
		colors, grounds string
		least           float64
	}{
		{"text muted accent bad", "ground surface raised", 4.5},
		{"on-accent", "accent", 4.5},
		{"critical error warning info other none", "surface raised", 3},
	} {
		var low []string
		p.eval(fmt.Sprintf(`(() => {
			const style = getComputedStyle(document.documentElement);
			const light = (name) => {
				const c = document.createElement("canvas").getContext("2d");
				c.fillStyle = style.getPropertyValue("--" + name).trim();
				c.fillRect(0, 0, 1, 1);
				const [r, g, b] = [...c.getImageData(0, 0, 1, 1).data].map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
				return .2126 * r + .7152 * g + .0722 * b;
			};
			const low = [];
			for (const a of %q.split(" ")) for (const b of %q.split(" ")) {
				const [x, y] = [light(a), light(b)].sort((m, n) => n - m);
				const contrast = (x + .05) / (y + .05);
				if (contrast < %v) low.push(a + " on " + b + " is " + contrast.toFixed(2));
			}
			return low;
		})()`, c.colors, c.grounds, c.least), &low)
		for _, what := range low {
			t.Errorf("%s: %s to 1, want %v", theme, what, c.least)
		}
	}
}

// TestEverythingHasAName: what a screen reader comes to says what it is.
func TestEverythingHasAName(t *testing.T) {
	t.Parallel()
	p := open(t, storm.url("?alert="+fingerprint))
	p.wait(listed)
	p.wait(told)
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value string }
		}
	}
	decode(t, p.do("Accessibility.getFullAXTree", nil), &tree)
	seen := map[string]int{}
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		seen[n.Role.Value]++
		switch n.Role.Value {
		case "button", "link", "combobox", "textbox", "tab", "checkbox", "grid", "image", "dialog", "heading", "region", "complementary":
			if n.Name.Value == "" {
				t.Errorf("a %s without a name", n.Role.Value)
			}
		}
	}
	for _, role := range []string{"grid", "row", "gridcell", "tab", "tablist", "tabpanel", "search", "combobox", "heading", "image", "main", "complementary"} {
		if seen[role] == 0 {
			t.Errorf("there is no %s, only %v", role, seen)
		}
	}
}
