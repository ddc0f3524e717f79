package live

import (
	"errors"
	"fmt"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

var journal = alert.ID{1}

// delivery has n alerts, all different from each other and from those of other
// positions.
func delivery(seq uint64, n int, change func(*storagetest.Delivery)) storagetest.Delivery {
	d := storagetest.Delivery{Seq: seq, ReceivedAt: int64(seq) * 1e6, Envelope: alert.Envelope{Receiver: "team"}}
	for i := range n {
		d.Alerts = append(d.Alerts, storagetest.Alert{
			Index: int32(i), EndsAt: alert.NoTime,
			Labels:  storagetest.Labels("alertname", "A", "i", fmt.Sprint(i), "seq", fmt.Sprint(seq)),
			Details: alert.Details{Annotations: storagetest.Pairs("summary", "s")},
		})
	}
	if change != nil {
		change(&d)
	}
	return d
}

func (h *Hub) publishDeliveries(deliveries ...storagetest.Delivery) {
	h.Publish(3, storagetest.Batch(journal, deliveries[0].Seq-1, deliveries...))
}

// names takes all that is at hand: "position/index" for an event, "-n" for a loss.
func names(r *Reader) (all []string) {
	for {
		line, ok := r.Take()
		switch {
		case !ok:
			return all
		case line.Event == nil:
			all = append(all, fmt.Sprint("-", line.Lost))
		default:
			number, seq := alert.SplitDelivery(line.Event.Delivery)
			if number != 3 {
				panic("the number of the journal is wrong")
			}
			all = append(all, fmt.Sprintf("%d/%d", seq, line.Event.Index))
		}
	}
}

func TestReadersGetWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	var h Hub
	resolved, team, eu, print := alert.Resolved, "team", "eu", storagetest.Labels("alertname", "A", "i", "0", "seq", "2").Fingerprint
	matchers := func(s string) alert.Query {
		m, err := alert.ParseMatchers(s)
		if err != nil {
			t.Fatal(err)
		}
		return alert.Query{Matchers: m}
	}
	queries := []struct {
		query alert.Query
		want  string
	}{
		{alert.Query{}, "[1/0 1/1 2/0 3/0]"},
		{alert.Query{From: 5, To: 6, Limit: 1, After: &alert.Cursor{}}, "[1/0 1/1 2/0 3/0]"},
		{matchers(`seq=~"1|3"`), "[1/0 1/1 3/0]"},
		{matchers(`{seq="1",i!="0"}`), "[1/1]"},
		{matchers(`absent=""`), "[1/0 1/1 2/0 3/0]"},
		{alert.Query{Status: &resolved}, "[3/0]"},
		{alert.Query{Receiver: &team}, "[1/0 1/1 3/0]"},
		{alert.Query{Source: &eu}, "[2/0]"},
		{alert.Query{Fingerprint: &print}, "[2/0]"},
	}
	var readers []*Reader
	for i := range queries {
		readers = append(readers, h.Listen(&queries[i].query))
	}
	h.publishDeliveries(delivery(1, 2, nil), delivery(2, 1, func(d *storagetest.Delivery) {
		d.Source, d.Envelope.Receiver = "eu", "other"
	}))
	h.publishDeliveries(delivery(3, 1, func(d *storagetest.Delivery) { d.Alerts[0].Status = alert.Resolved }))
	for i, r := range readers {
		<-r.Ready()
		if got := fmt.Sprint(names(r)); got != queries[i].want {
			t.Errorf("query %d: %s, want %s", i, got, queries[i].want)
		}
		r.Close()
		r.Close()
	}
	if h.Listening() || h.Readers() != 0 || h.Lost() != 0 {
		t.Errorf("%d readers are left, %d events lost", h.Readers(), h.Lost())
	}
}

// What a listener gets is what a store would give back.
func TestEventsAreWhole(t *testing.T) {
	t.Parallel()
	var h Hub
	r := h.Listen(&alert.Query{})
	d := delivery(7, 1, func(d *storagetest.Delivery) {
		d.RequestID, d.Source, d.TruncatedAlerts = "id", "eu", 4
		d.Envelope = alert.Envelope{Receiver: "r", GroupKey: "k", GroupLabels: storagetest.Pairs("a", "b"), ExternalURL: "u", Extra: []byte(`{"x":1}`)}
		d.Alerts[0].StartsAt, d.Alerts[0].EndsAt = alert.Time{Micros: 5, Nanos: 7}, alert.Time{Micros: 9, Nanos: 1}
		d.Alerts[0].Details = alert.Details{Annotations: storagetest.Pairs("s", "t"), GeneratorURL: "g", Extra: []byte(`{"y":2}`)}
	})
	h.publishDeliveries(d)
	line, ok := r.Take()
	if !ok {
		t.Fatal("nothing came")
	}
	a := &d.Alerts[0]
	storagetest.Compare(t, []*alert.Stored{line.Event}, []*alert.Stored{{
		Delivery: alert.DeliveryNumber(3, 7), ReceivedAt: 7e6, Source: "eu", RequestID: "id", TruncatedAlerts: 4,
		StartsAt: a.StartsAt, EndsAt: a.EndsAt, Labels: &a.Labels, Details: &a.Details, Envelope: &d.Envelope,
	}})
}

// A reader that takes nothing keeps nobody waiting, and is told what it lost
// where it lost it.
func TestSlowReaderLosesAndIsTold(t *testing.T) {
	t.Parallel()
	var h Hub
	slow, quick := h.Listen(&alert.Query{}), h.Listen(&alert.Query{})
	const most, batch = maxEvents, 4096
	for i := range most/batch + 2 {
		h.publishDeliveries(delivery(uint64(i+1), batch, nil))
		if got := names(quick); len(got) != batch {
			t.Fatalf("the quick reader got %d of batch %d", len(got), i)
		}
	}
	if h.Lost() != 2*batch {
		t.Errorf("%d are counted as lost", h.Lost())
	}
	got := names(slow)
	if len(got) != most+1 || got[most] != fmt.Sprint("-", 2*batch) || got[most-1] != fmt.Sprintf("%d/%d", most/batch, batch-1) {
		t.Fatalf("%d lines, the last ones %v", len(got), got[max(0, len(got)-2):])
	}
	h.publishDeliveries(delivery(100, 1, nil))
	if got := names(slow); fmt.Sprint(got) != "[100/0]" {
		t.Errorf("afterwards: %v", got)
	}
}

// Losing goes on until half of the room is free, and only matching events count.
func TestLosingIsCoarse(t *testing.T) {
	t.Parallel()
	var h Hub
	matchers, _ := alert.ParseMatchers(`i=~".*[02468]"`)
	r := h.Listen(&alert.Query{Matchers: matchers})
	h.publishDeliveries(delivery(1, 2*maxEvents+20, nil)) // 10 too many
	take := func(n int) {
		for range n {
			r.Take()
		}
	}
	take(maxEvents / 4)
	h.publishDeliveries(delivery(2, 10, nil)) // 5 more
	take(maxEvents/4 + 1)
	h.publishDeliveries(delivery(3, 1, nil))
	take(maxEvents/2 - 1)
	if got := fmt.Sprint(names(r)); got != "[-15 3/0]" {
		t.Errorf("the end is %s", got)
	}
}

func TestRoomIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	var h Hub
	r := h.Listen(&alert.Query{})
	huge := func(seq uint64) storagetest.Delivery {
		return delivery(seq, 1, func(d *storagetest.Delivery) {
			d.Alerts[0].Details.GeneratorURL = string(make([]byte, maxBytes))
		})
	}
	h.publishDeliveries(huge(1))
	h.publishDeliveries(huge(2))
	if got := fmt.Sprint(names(r)); got != "[1/0 -1]" {
		t.Errorf("one alert of any size, and a loss: %s", got)
	}
	for range 63 {
		h.Listen(&alert.Query{})
	}
	for seq := range uint64(3) {
		h.publishDeliveries(delivery(seq+3, 1, func(d *storagetest.Delivery) {
			d.Alerts[0].Details.GeneratorURL = string(make([]byte, maxAllBytes/64/2))
		}))
	}
	if got := fmt.Sprint(names(r)); got != "[3/0 -2]" {
		t.Errorf("64 readers share: %s", got)
	}
}

// countedEntry counts how often it is read, and can fail.
type countedEntry struct {
	alert.Entry
	reads *int
	err   error
}

func (e countedEntry) Content() ([]byte, error) {
	*e.reads++
	if e.err != nil {
		return nil, e.err
	}
	return e.Entry.Content()
}

func TestEntriesAreReadAsLittleAsPossible(t *testing.T) {
	t.Parallel()
	var h Hub
	publish := func(fail error, d storagetest.Delivery) (reads int) {
		b := storagetest.Batch(journal, d.Seq-1, d)
		for i, e := range b.Entries {
			b.Entries[i] = countedEntry{e, &reads, fail}
		}
		h.Publish(3, b)
		return reads
	}
	resolved := alert.Resolved
	h.Listen(&alert.Query{Status: &resolved})
	if n := publish(nil, delivery(1, 10, nil)); n != 0 {
		t.Errorf("%d entries were read for nobody", n)
	}
	matchers, _ := alert.ParseMatchers(`i="0"`)
	r := h.Listen(&alert.Query{Matchers: matchers})
	if n := publish(nil, delivery(2, 10, nil)); n != 10+2 {
		t.Errorf("%d entries were read, want ten label sets, and the rest of one event", n)
	}
	again := delivery(2, 10, nil)
	again.Seq = 3
	if n := publish(nil, again); n != 0 {
		t.Errorf("%d entries were read again", n)
	}
	if n := publish(errors.New("no"), delivery(4, 1, nil)); n == 0 {
		t.Error("nothing was read")
	}
	if got := fmt.Sprint(names(r)); got != "[2/0 3/0 -1]" {
		t.Errorf("with a journal that cannot be read: %s", got)
	}
}

// The oldest of what was decoded makes room.
func TestMemoryOfEntriesIsBounded(t *testing.T) {
	t.Parallel()
	var h Hub
	r := h.Listen(&alert.Query{})
	for seq := uint64(1); seq < 40; seq++ {
		h.publishDeliveries(delivery(seq, 1, func(d *storagetest.Delivery) {
			d.Alerts[0].Details.GeneratorURL = fmt.Sprint(seq, string(make([]byte, 1<<19)))
		}))
		names(r)
		if h.decoder.bytes > maxRemembered || len(h.decoder.young) > 20 || len(h.decoder.old) > 20 {
			t.Fatalf("%d bytes, %d and %d entries", h.decoder.bytes, len(h.decoder.young), len(h.decoder.old))
		}
	}
	r.Close()
	if h.decoder.young != nil || h.decoder.old != nil {
		t.Error("with nobody listening it is still there")
	}
}

// What one reader adds to the storing of a batch of known alerts: one who takes
// all, one whose filter takes nothing, and one who is stuck.
func BenchmarkPublish(b *testing.B) {
	const n = 5000
	batch := storagetest.Batch(journal, 0, delivery(1, n, nil))
	nothing, _ := alert.ParseMatchers(`i=~"x.*"`)
	for name, query := range map[string]*alert.Query{"all": {}, "nothing": {Matchers: nothing}, "stuck": {}} {
		b.Run("reader="+name, func(b *testing.B) {
			var h Hub
			r := h.Listen(query)
			b.ReportAllocs()
			for b.Loop() {
				h.Publish(3, batch)
				for name == "all" {
					if _, ok := r.Take(); !ok {
						break
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}
