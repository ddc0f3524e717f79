package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func sample() *Plot {
	return &Plot{
		Title: `Latency & "rate" <1 ms`, XLabel: "requests/s", YLabel: "p99, ms", LogX: true, LogY: true,
		Series: []Series{
			{Name: "a<b", X: []float64{1000, 2000, 5000, 20000}, Y: []float64{.2, .3, .4, 12}},
			{Name: "a<b, p99", X: []float64{1000, 2000}, Y: []float64{.5, .9}, Dashed: true},
			{Name: "c", X: []float64{1000, 2000, 5000}, Y: []float64{.1, math.NaN(), 0}},
		},
	}
}

// elements reads the whole file as XML and counts its elements by name.
func elements(t *testing.T, svg []byte) map[string]int {
	t.Helper()
	n := map[string]int{}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			n[e.Name.Local]++
		}
	}
}

func TestSVG(t *testing.T) {
	t.Parallel()
	svg := sample().SVG()
	if !bytes.Equal(svg, sample().SVG()) {
		t.Error("the same plot gives other bytes")
	}
	n := elements(t, svg)
	if n["svg"] != 1 || n["rect"] != 1 || n["line"] < 8 || n["g"] != 6 {
		t.Errorf("%v in\n%s", n, svg)
	}
	for _, want := range []string{"Latency &amp; &#34;rate&#34; &lt;1 ms", ">a&lt;b<", ">c<", ">requests/s<", ">p99, ms<", ">20k<", ">0.2<", "stroke-dasharray"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %q in\n%s", want, svg)
		}
	}
	for _, never := range []string{"NaN", "Inf", "a<b", "http://www.w3.org/1999", "url("} {
		if strings.Contains(string(svg), never) {
			t.Errorf("%q in\n%s", never, svg)
		}
	}
}

// What is drawn twice in one colour is one thing; every other series has its own.
func TestColours(t *testing.T) {
	t.Parallel()
	p := &Plot{Series: []Series{{Dashed: true}, {}, {Dashed: true}, {Dashed: true}, {}}}
	if got := p.colours(); !slices.Equal(got, []int{0, 1, 1, 1, 2}) {
		t.Errorf("%v", got)
	}
}

// Whatever comes, it is a whole file, and no number in it is none.
func TestSVGOfNextToNothing(t *testing.T) {
	t.Parallel()
	f := func(p Plot) {
		t.Helper()
		for range 2 {
			svg := p.SVG()
			elements(t, svg)
			if s := string(svg); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
				t.Errorf("%+v:\n%s", p, s)
			}
			p.LogX, p.LogY = true, true
		}
	}
	f(Plot{})
	f(Plot{Series: []Series{{Name: "nothing"}}})
	f(Plot{Series: []Series{{Name: "one", X: []float64{3}, Y: []float64{3}}}})
	f(Plot{Series: []Series{{Name: "zero", X: []float64{0}, Y: []float64{0}}}})
	f(Plot{Series: []Series{{Name: "below", X: []float64{-2, -1}, Y: []float64{-5, -7}}}})
	f(Plot{Series: []Series{{Name: "uneven", X: []float64{1, 2, 3}, Y: []float64{1}}}})
	f(Plot{Series: []Series{{Name: "wild", X: []float64{1, math.Inf(1)}, Y: []float64{math.Inf(-1), 1}}}})
	f(Plot{Title: "\x00\xff", Series: slices.Repeat([]Series{{Name: strings.Repeat("long ", 40), X: []float64{1}, Y: []float64{1}}}, 30)})
}

func TestTicks(t *testing.T) {
	t.Parallel()
	linear := func(low, high float64, want ...float64) {
		t.Helper()
		if got := linearTicks(low, high); !close(got, want) {
			t.Errorf("%v to %v: %v, want %v", low, high, got, want)
		}
	}
	linear(0, 10, 0, 2, 4, 6, 8, 10)
	linear(0, 11, 0, 2, 4, 6, 8, 10, 12)
	linear(0, 400000, 0, 100000, 200000, 300000, 400000)
	linear(-3, 3, -3, -2, -1, 0, 1, 2, 3)
	linear(0, 0, 0, .2, .4, .6, .8, 1)
	log := func(low, high float64, want ...float64) {
		t.Helper()
		if got := logTicks(low, high); !close(got, want) {
			t.Errorf("%v to %v: %v, want %v", low, high, got, want)
		}
	}
	log(1, 1000, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
	log(3, 30, 2, 5, 10, 20, 50)
	log(.15, .15, .1, .2)
	log(1, 1, 1, 2)
	log(1, 1e5, 1, 10, 100, 1e3, 1e4, 1e5)
	text := func(v float64, want string) {
		t.Helper()
		if got := tickText(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	text(0, "0")
	text(.05, "0.05")
	text(999, "999")
	text(1000, "1k")
	text(250000, "250k")
	text(1.5e6, "1.5M")
	text(-2e9, "-2G")
	text(2e-7, "2e-07")
}

func close(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= 1e-9*math.Max(1, math.Abs(y)) })
}
