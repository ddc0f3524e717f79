package plot

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	ink   = "#1f2328"
	faint = "#59636e"
	grid  = "#e4e8ec"
)

// palette can be told apart by most who see colours differently; the shape of
// the points tells the rest.
var palette = []string{"#0b61a4", "#d1495b", "#2e8b57", "#b8860b", "#7b4fa3", "#e07b39", "#1b998b", "#5c6670"}

func (c *canvas) frame() {
	xs, ys, xe, ye := c.x.from, c.y.from, c.x.to, c.y.to
	c.printf(`<text x="%d" y="28" font-size="16" font-weight="600" fill="%s">%s</text>`+"\n", left, ink, escape(c.plot.Title))
	for _, v := range c.x.ticks {
		at := c.x.at(v)
		c.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`, at, ys, at, ye, grid)
		c.printf(`<text x="%.1f" y="%.1f" text-anchor="middle" fill="%s">%s</text>`+"\n", at, ys+18, faint, tickText(v))
	}
	for _, v := range c.y.ticks {
		at := c.y.at(v)
		c.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`, xs, at, xe, at, grid)
		c.printf(`<text x="%.1f" y="%.1f" text-anchor="end" fill="%s">%s</text>`+"\n", xs-8, at+4, faint, tickText(v))
	}
	c.printf(`<path d="M%.1f %.1fV%.1fH%.1f" fill="none" stroke="%s"/>`+"\n", xs, ye, ys, xe, faint)
	c.printf(`<text x="%.1f" y="%d" text-anchor="middle" fill="%s">%s</text>`+"\n", (xs+xe)/2, height-18, ink, escape(c.plot.XLabel))
	c.printf(`<text transform="translate(20 %.1f) rotate(-90)" text-anchor="middle" fill="%s">%s</text>`+"\n", (ys+ye)/2, ink, escape(c.plot.YLabel))
}

func (c *canvas) series(s *Series, colour int) {
	var path, points strings.Builder
	verb := byte('M')
	for i := range min(len(s.X), len(s.Y)) {
		if !c.drawable(s.X[i], s.Y[i]) {
			continue
		}
		x, y := c.x.at(s.X[i]), c.y.at(s.Y[i])
		path.WriteString(at(string(verb), x, y))
		points.WriteString(shape(colour, x, y))
		verb = 'L'
	}
	if path.Len() == 0 {
		return
	}
	c.printf(`<g stroke="%s" fill="%s">`+"\n", paint(colour), paint(colour))
	c.printf(`<path d="%s" fill="none" stroke-width="2" stroke-linejoin="round"%s/>`+"\n", path.String(), dash(s))
	c.printf(`<path d="%s" stroke="none"/>`+"\n</g>\n", points.String())
}

func paint(colour int) string { return palette[colour%len(palette)] }

func dash(s *Series) string {
	if s.Dashed {
		return ` stroke-dasharray="6 4"`
	}
	return ""
}

// shape returns the path of a point: circle, square, diamond or triangle.
func shape(colour int, x, y float64) string {
	const r = 4
	switch colour % 4 {
	case 1:
		return at("M", x-r, y-r) + "h8v8h-8z"
	case 2:
		return at("M", x-r-1, y) + "l5 -5l5 5l-5 5z"
	case 3:
		return at("M", x-r-1, y+r) + "h10l-5 -9z"
	}
	return at("M", x-r, y) + "a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"
}

func (c *canvas) legendWidth() float64 {
	longest := 0
	for i := range c.plot.Series {
		longest = max(longest, utf8.RuneCountInString(c.plot.Series[i].Name))
	}
	if longest == 0 {
		return 0
	}
	return min(mostLegend, legendMark+20+perCharacter*float64(longest))
}

func (c *canvas) legendRow(i, colour int) {
	s := &c.plot.Series[i]
	if s.Name == "" {
		return
	}
	x, y := c.x.to+20, float64(top+10+22*i)
	c.printf(`<g stroke="%s" fill="%s">`, paint(colour), paint(colour))
	c.printf(`<path d="%s" stroke-width="2"%s/><path d="%s" stroke="none"/></g>`, at("M", x, y)+"h26", dash(s), shape(colour, x+13, y))
	c.printf(`<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", x+legendMark, y+4, ink, escape(s.Name))
}

// at returns a command of a path with a place, to a tenth of a pixel.
func at(verb string, x, y float64) string { return fmt.Sprintf("%s%.1f %.1f", verb, x, y) }
