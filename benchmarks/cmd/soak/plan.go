package main

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"time"

	"stormdrain/benchmarks/bodies"
)

// knownSets come again and again. Their number leaves room in a segment of the
// journal, which carries all of them.
const knownSets = 300

// request is one webhook and what must become of it.
type request struct {
	body   []byte
	code   int
	alerts int64 // acknowledged by a 200
	bad    int64 // of them, to quarantine
	twice  bool  // sent again, byte for byte, as Alertmanager's retries are
}

// planner makes requests. Request n is a function of n, and of what is fixed
// here: nothing that was sent needs to be remembered.
type planner struct {
	begin time.Time
	fresh int // the first set that never came before
}

// The mix: 70 % of the bodies have one alert, 25 % ten, 5 % a hundred. Of a
// hundred alerts thirty are resolved, one has a label set that never came and
// one annotations that never came. Of a thousand bodies thirty are sent twice,
// ten are cut off, and two hold an alert that cannot be stored.
func (p *planner) request(n int) *request {
	choice := rand.New(rand.NewPCG(uint64(n), 1))
	alerts := make([]bodies.Alert, size(n))
	for i := range alerts {
		a := &alerts[i]
		unique := n*128 + i
		a.Set = choice.IntN(knownSets)
		// One firing lasts a thousand requests and is told of again and again.
		a.Starts = p.begin.Add(time.Duration(n/1000)*time.Second + time.Duration(a.Set)*time.Millisecond)
		switch choice.IntN(100) {
		case 0:
			a.Set = p.fresh + unique
		case 1:
			a.Note = 1 + unique
		}
		if choice.IntN(100) < 30 {
			a.Ends = a.Starts.Add(time.Minute)
		}
	}
	r := &request{code: http.StatusOK, alerts: int64(len(alerts)), twice: n%33 == 5}
	if n%500 == 250 {
		alerts[0].Bad, r.bad = true, 1
	}
	r.body = bodies.Append(nil, n%50, alerts)
	if n%100 == 99 {
		r.body = bytes.Clone(r.body[:len(r.body)*2/3])
		r.code, r.alerts, r.bad = http.StatusBadRequest, 0, 0
	}
	return r
}

func size(n int) int {
	switch {
	case n%20 == 0:
		return 100
	case n%4 == 1:
		return 10
	}
	return 1
}

// warm makes a body with sets that have not come yet, and their own annotations.
func (p *planner) warm(first, count int) *request {
	alerts := make([]bodies.Alert, count)
	for i := range alerts {
		alerts[i] = bodies.Alert{Set: first + i, Starts: p.begin}
	}
	return &request{body: bodies.Append(nil, 0, alerts), code: http.StatusOK, alerts: int64(count)}
}
