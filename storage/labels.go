package storage

import (
	"slices"
	"strings"

	"stormdrain/internal/alert"
)

// MaxLabelSets is how many label sets a store goes through for a LabelQuery: those
// that came last. It takes about a fifth of a second.
const MaxLabelSets = 50_000

// LabelAnswer collects the answer to a LabelQuery, in bounded memory where the query
// has a limit. A label with an empty value is none, as matchers have it.
type LabelAnswer struct {
	q     *alert.LabelQuery
	found map[string]struct{}
	last  string // what is above it will not be in the answer; empty: not known yet
}

// NewLabelAnswer begins an answer.
func NewLabelAnswer(q *alert.LabelQuery) *LabelAnswer {
	return &LabelAnswer{q: q, found: map[string]struct{}{}}
}

// Add takes the labels of one set, and may keep their strings.
func (a *LabelAnswer) Add(labels []alert.Pair) {
	for _, p := range labels {
		switch {
		case p.Value == "":
		case a.q.Name == "":
			a.add(p.Name)
		case p.Name == a.q.Name:
			a.add(p.Value)
		}
	}
}

func (a *LabelAnswer) add(word string) {
	if !strings.HasPrefix(word, a.q.Prefix) || a.last != "" && word > a.last {
		return
	}
	if _, ok := a.found[word]; ok {
		return
	}
	a.found[strings.Clone(word)] = struct{}{}
	if a.q.Limit > 0 && len(a.found) >= 4*max(a.q.Limit, 64) {
		words := a.Words()
		clear(a.found)
		for _, w := range words {
			a.found[w] = struct{}{}
		}
		a.last = words[len(words)-1]
	}
}

// Words returns the answer, ascending.
func (a *LabelAnswer) Words() []string {
	words := make([]string, 0, len(a.found))
	for w := range a.found {
		words = append(words, w)
	}
	slices.Sort(words)
	if a.q.Limit > 0 && len(words) > a.q.Limit {
		words = words[:a.q.Limit]
	}
	return words
}
