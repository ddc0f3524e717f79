// Package plot draws lines with points as one SVG that needs nothing else: no
// style sheet, no script, no font, and a background of its own, so that it can be
// read on a light page and on a dark one. The same plot gives the same bytes.
package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
)

// Series is one line. Points that cannot be drawn are left out: what is not
// finite, and on a logarithmic axis what is not above zero.
type Series struct {
	Name   string
	X, Y   []float64
	Dashed bool // in the colour of the series before it: a second figure of the same thing
}

// Plot is what SVG draws.
type Plot struct {
	Title, XLabel, YLabel string
	LogX, LogY            bool
	Series                []Series
}

// Sizes in pixels. The legend is at the right, as wide as its longest name.
const (
	width, height = 900, 480
	top, bottom   = 48, 60
	left, right   = 74, 24
	legendMark    = 34
	perCharacter  = 6.6 // of the legend's font, roughly
	mostLegend    = 330
)

// SVG returns the whole file.
func (p *Plot) SVG() []byte {
	c := &canvas{plot: p}
	c.legend = c.legendWidth()
	c.x = newAxis(p.LogX, c.points(func(x, _ float64) float64 { return x }), left, width-right-c.legend)
	c.y = newAxis(p.LogY, c.points(func(_, y float64) float64 { return y }), height-bottom, top)
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" `+
		`font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12">`+"\n", width, height, width, height)
	c.printf("<title>%s</title>\n", escape(p.Title))
	c.printf(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="6" fill="#ffffff" stroke="#d0d7de"/>`+"\n", width-1, height-1)
	c.frame()
	colours := p.colours()
	for i := range p.Series {
		c.series(&p.Series[i], colours[i])
		c.legendRow(i, colours[i])
	}
	c.printf("</svg>\n")
	return c.Bytes()
}

// colours gives each series the number of its colour.
func (p *Plot) colours() []int {
	all, next := make([]int, len(p.Series)), 0
	for i := range p.Series {
		if p.Series[i].Dashed && i > 0 {
			all[i] = all[i-1]
			continue
		}
		all[i] = next
		next++
	}
	return all
}

// canvas is one drawing in progress.
type canvas struct {
	bytes.Buffer
	plot   *Plot
	x, y   axis
	legend float64 // width
}

func (c *canvas) printf(format string, args ...any) { fmt.Fprintf(&c.Buffer, format, args...) }

// points returns one coordinate of all points that can be drawn.
func (c *canvas) points(of func(x, y float64) float64) (all []float64) {
	for i := range c.plot.Series {
		s := &c.plot.Series[i]
		for j := range min(len(s.X), len(s.Y)) {
			if c.drawable(s.X[j], s.Y[j]) {
				all = append(all, of(s.X[j], s.Y[j]))
			}
		}
	}
	return all
}

func (c *canvas) drawable(x, y float64) bool {
	return finite(x) && finite(y) && (x > 0 || !c.plot.LogX) && (y > 0 || !c.plot.LogY)
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func escape(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic("BUG: a buffer refuses text: " + err.Error())
	}
	return b.String()
}
