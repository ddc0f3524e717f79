package server

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"stormdrain/internal/alert"
)

func TestSilentSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UnixMicro()
		a := &archive{sources: []alert.Source{
			{Name: "eu", LastAt: now - 1, Rhythm: 300e6},
			{Name: "us", LastAt: now - 700e6, Rhythm: 300e6},
			{Name: "once", LastAt: now - 700e6},
			{Name: "gone", LastAt: now - 86_400e6, Rhythm: 300e6},
		}}
		s := &silence{overview: a}
		f := func(want float64) {
			t.Helper()
			if got := s.silent(); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%v sources are silent, want %v", got, want)
			}
		}
		f(1)
		a.sources[1].LastAt = now
		f(1) // the store is not asked again at once
		time.Sleep(silenceEvery)
		f(0)
		time.Sleep(11 * time.Minute)
		f(2)
		a.failAt = 1
		time.Sleep(silenceEvery)
		f(math.NaN())
		s.overview = nil
		f(math.NaN())
	})
}
