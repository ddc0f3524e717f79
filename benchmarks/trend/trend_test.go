package trend

import (
	"math"
	"math/rand/v2"
	"testing"
)

// seconds is a window of samples, one a second.
func seconds(n int, f func(x float64) float64) (x, y []float64) {
	for i := range n {
		x = append(x, float64(i))
		y = append(y, f(float64(i)))
	}
	return x, y
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	noise := rand.New(rand.NewPCG(1, 2))
	f := func(what string, n int, grows bool, tolerance Tolerance, series func(x float64) float64) {
		t.Helper()
		x, y := seconds(n, series)
		v, err := Judge(x, y, tolerance)
		if err != nil || v.Grows != grows {
			t.Errorf("%s, %d samples: %+v, %v", what, n, v, err)
		}
	}
	heap, count := Tolerance{mib, .05}, Tolerance{4, .05}
	for _, n := range []int{60, 900} {
		window := float64(n)
		f("a constant", n, false, count, func(float64) float64 { return 40 })
		f("zero", n, false, Tolerance{}, func(float64) float64 { return 0 })
		f("noise", n, false, heap, func(float64) float64 { return 40*mib + 4*mib*noise.NormFloat64() })
		f("noise of a large counter", n, false, count, func(float64) float64 { return math.Round(100 + 20*noise.NormFloat64()) })
		f("a saw", n, false, heap, func(x float64) float64 { return 10*mib + 10*mib*math.Mod(x, 17)/17 + mib*noise.Float64() })
		f("a spike", n, false, heap, func(x float64) float64 {
			if x > window*.8 && x < window*.9 {
				return 400 * mib
			}
			return 40*mib + mib*noise.NormFloat64()
		})
		f("certain, but small", n, false, heap, func(x float64) float64 { return 40*mib + mib*x/window })
		f("falling", n, false, heap, func(x float64) float64 { return 40*mib - 20*mib*x/window })
		f("settled after a start", n, false, heap, func(x float64) float64 { return 40*mib - 20*mib*math.Exp(-20*x/window) })

		f("a leak", n, true, heap, func(x float64) float64 { return 40*mib + 4*mib*x/window })
		f("a leak in noise", n, true, heap, func(x float64) float64 { return 40*mib + 8*mib*x/window + 2*mib*noise.NormFloat64() })
		f("a leak under a saw", n, true, heap, func(x float64) float64 { return 40*mib + 8*mib*math.Mod(x, 17)/17 + 12*mib*x/window })
		f("a goroutine now and then", n, true, count, func(x float64) float64 { return 40 + math.Floor(8*x/window) })
		f("a descriptor now and then, among others that come and go", n, true, count, func(x float64) float64 {
			return 40 + math.Floor(12*x/window) + float64(noise.IntN(5))
		})
	}
	// What noise hides in a minute it does not hide in a quarter of an hour.
	slow := func(x float64) float64 { return 40*mib + 4e3*x + mib*noise.NormFloat64() }
	f("a slow leak", 60, false, heap, slow)
	f("a slow leak", 900, true, heap, slow)
}

func TestJudgeMeasures(t *testing.T) {
	t.Parallel()
	x, y := seconds(61, func(x float64) float64 { return 100 + x/2 })
	v, err := Judge(x, y, Tolerance{Absolute: 3, Relative: .1})
	if err != nil || math.Abs(v.Drift-30) > 1e-9 || v.Median != 115 || v.Allowed != 11.5 || v.Z < 10 || !v.Grows {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	f := func(x, y []float64) {
		t.Helper()
		if v, err := Judge(x, y, Tolerance{}); err == nil {
			t.Errorf("%v, %v: %+v", x, y, v)
		}
	}
	x, y := seconds(leastSamples, func(x float64) float64 { return x })
	f(nil, nil)
	f(x[1:], y[1:])
	f(x[1:], y)
	f(make([]float64, leastSamples), y)
}
