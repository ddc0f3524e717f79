package pipeline

import (
	"fmt"
	"sync"
	"testing"

	"stormdrain/internal/alert"
)

func TestInternSharesOneEntry(t *testing.T) {
	t.Parallel()
	table := newInternTable(1 << 20)
	var wg sync.WaitGroup
	got := make([]*entry, 8)
	for i := range got {
		wg.Go(func() {
			key := []byte(`{"a":"1"}-`)
			e, hash := table.find(alert.KindLabelSet, key)
			if e == nil {
				e = table.add(alert.KindLabelSet, hash, key, 0, alert.ID{1})
			}
			got[i] = e
		})
	}
	wg.Wait()
	for _, e := range got {
		if e != got[0] {
			t.Fatal("two entries for one key")
		}
	}
	if n := table.entries[alert.KindLabelSet].Load(); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
}

// A collision of the hash, which nobody outside can arrange, must merge nothing.
func TestInternSurvivesCollisions(t *testing.T) {
	t.Parallel()
	table := newInternTable(1 << 20)
	const hash = 4711
	var all []*entry
	for i := range 50 {
		all = append(all, table.add(alert.KindLabelSet, hash, fmt.Appendf(nil, `{"a":"%d"}-`, i), 0, alert.ID{byte(i)}))
	}
	other := table.add(alert.KindDetails, hash, []byte(`{"a":"0"}-`), 0, alert.ID{99})
	s := &table.shards[hash%internShards]
	for i, e := range all {
		if found := s.find(alert.KindLabelSet, hash, fmt.Appendf(nil, `{"a":"%d"}-`, i)); found != e || found.id != (alert.ID{byte(i)}) {
			t.Fatalf("key %d found %v", i, found)
		}
	}
	if other == all[0] {
		t.Error("entries of two kinds were merged")
	}
	for range all { // and the chain comes apart again in any order
		table.evict(s)
	}
	if len(s.clock) != 1 {
		t.Errorf("%d entries left, want 1", len(s.clock))
	}
}

func TestInternIsBounded(t *testing.T) {
	t.Parallel()
	const most = 256 << 10
	table := newInternTable(most)
	hot := []byte(`{"hot":"1"}-`)
	add := func(key []byte) {
		if e, hash := table.find(alert.KindLabelSet, key); e == nil {
			table.add(alert.KindLabelSet, hash, key, 0, alert.Identity(alert.KindLabelSet, key))
		}
	}
	add(hot)
	misses := 0
	for i := range 20000 {
		add(fmt.Appendf(nil, `{"cold":"%d"}-`, i))
		if i > 2000 { // a full table wants to see it twice
			add(fmt.Appendf(nil, `{"cold":"%d"}-`, i))
		}
		if e, _ := table.find(alert.KindLabelSet, hot); e == nil {
			misses++
			add(hot)
		}
		if b := table.bytes.Load(); b > most {
			t.Fatalf("%d bytes after %d entries, the limit is %d", b, i, most)
		}
	}
	if misses > 0 {
		t.Errorf("what is asked for all the time was evicted %d times", misses)
	}
	if n := table.entries[alert.KindLabelSet].Load(); n < 500 {
		t.Errorf("%d entries are left; the table should be full", n)
	}
	huge := make([]byte, most)
	if e := table.add(alert.KindDetails, 1, huge, 0, alert.ID{}); e == nil || table.entries[alert.KindDetails].Load() != 0 {
		t.Error("an entry larger than the table must be usable and not be kept")
	}
}

// What comes once does not drive out what is known; what comes again gets in.
func TestInternAdmitsWhatComesAgain(t *testing.T) {
	t.Parallel()
	table := newInternTable(256 << 10)
	come := func(name string, i int) (known bool) {
		key := fmt.Appendf(nil, `{%q:"%d"}-`, name, i)
		e, hash := table.find(alert.KindDetails, key)
		if e == nil {
			table.add(alert.KindDetails, hash, key, 0, alert.Identity(alert.KindDetails, key))
		}
		return e != nil
	}
	for i := range 1000 { // half of what fits
		come("old", i)
	}
	for i := range 20000 {
		come("once", i)
	}
	// What the table remembers of sets that came once is a few bits each, so that now
	// and then one is taken for another that has come before.
	gone := 0
	for i := range 1000 {
		if !come("old", i) {
			gone++
		}
	}
	if gone > 20 {
		t.Errorf("%d of 1 000 known sets were driven out by sets that came once", gone)
	}
	for i := range 100 {
		come("again", i)
		come("again", i)
		if !come("again", i) {
			t.Fatalf("new set %d is unknown when it comes for the third time", i)
		}
	}
}

// Identity does not depend on the table, nor on how the sender wrote the set.
func TestIdentityIsOfTheContent(t *testing.T) {
	t.Parallel()
	f := func(labels string, want alert.ID) alert.ID {
		t.Helper()
		d := newTestDecoder()
		got, err := d.decode(alert.Webhook, []byte(`{"alerts":[{"labels":`+labels+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		id := got.events[0].labels.id
		if want != (alert.ID{}) && id != want {
			t.Errorf("%s has another identity", labels)
		}
		return id
	}
	id := f(`{"a":"1","b":"é"}`, alert.ID{})
	f(`{"b":"é","a":"1"}`, id)
	f(` { "b" : "\u00e9" , "a":"\u0031" } `, id)
	f(`{"a":"0","b":"é","a":"1"}`, id)
	if f(`{"a":"1","b":"e"}`, alert.ID{}) == id {
		t.Error("two sets with one identity")
	}
}

func TestBodyCache(t *testing.T) {
	t.Parallel()
	c := newBodyCache(4 << 10)
	lasts, brief := &entry{key: []byte("{}-")}, &entry{}
	result := &decoded{elements: 1, envelope: lasts, events: []decodedEvent{{labels: lasts, details: lasts}}}
	body := []byte(`{"alerts":[{}]}`)
	ask := func(body []byte) *decoded {
		found, hash := c.find(alert.Webhook, body)
		if found == nil {
			c.add(alert.Webhook, hash, body, result)
		}
		return found
	}
	for range 2 {
		if ask(body) != nil {
			t.Error("found what was never kept")
		}
	}
	found := ask(body)
	if found == nil || found == result || found.elements != 1 {
		t.Fatalf("the third time: %+v, want a copy of the result", found)
	}
	if other, _ := c.find(alert.Webhook+1, body); other != nil {
		t.Error("found under another kind of endpoint")
	}
	for i := range 1000 {
		cold := fmt.Appendf(nil, `{"alerts":[{}],"n":%d}`, i)
		ask(cold)
		ask(cold)
		if c.bytes > c.maxBytes {
			t.Fatalf("%d bytes, the limit is %d", c.bytes, c.maxBytes)
		}
	}
	if len(c.byHash) != c.recent.Len() || len(c.byHash) == 0 {
		t.Errorf("%d by hash, %d in order", len(c.byHash), c.recent.Len())
	}
	brittle := []byte(`{"alerts":[],"brittle":1}`)
	for range 3 {
		_, hash := c.find(alert.Webhook, brittle)
		c.add(alert.Webhook, hash, brittle, &decoded{envelope: lasts, events: []decodedEvent{{labels: lasts, details: brief}}})
	}
	if found, _ := c.find(alert.Webhook, brittle); found != nil {
		t.Error("kept a result with an entry that is of one request only")
	}
	var off *bodyCache
	if found, hash := off.find(alert.Webhook, body); found != nil {
		t.Error("a cache that is off found something")
	} else {
		off.add(alert.Webhook, hash, body, result)
	}
}
