package sqlite

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

func decimal(v uint64) string { return strconv.FormatInt(int64(v), 10) }

// What is put into a bundle comes out again, and no torn text is taken for one.
func TestBundleIsInvertible(t *testing.T) {
	t.Parallel()
	numbers := []int64{7, 8, 9_000_000_000}
	var u bundle
	var want []storage.DeliveryRow
	var events []storage.EventRow
	begin := int64(-5_000_000)
	for i, index := range [][]int32{{0, 1, 2}, {}, {3, 4, 9}, {0, 2, 1 << 30}} {
		d := alert.Delivery{Seq: uint64(10 + 3*i), ReceivedAt: begin + int64(i)*1000, Envelope: 0,
			Source: "s\"\x00\\" + strings.Repeat("é", i), RequestID: "]},\x1a", TruncatedAlerts: 1<<64 - 1}
		if i == 0 {
			u.begin(&d)
		} else if !u.takes(&d, len(index)) {
			t.Fatalf("delivery %d is not taken", i)
		}
		row := storage.DeliveryRow{ReceivedAt: d.ReceivedAt, Number: alert.DeliveryNumber(3, d.Seq), Envelope: 7,
			Events: int64(len(index)), TruncatedAlerts: d.TruncatedAlerts, Source: d.Source, RequestID: d.RequestID}
		want = append(want, row)
		var batch []alert.Event
		for n, at := range index {
			e := alert.Event{Index: at, Labels: 1, Details: 2, Status: alert.Status(n & i & 1),
				StartsAt: alert.Time{Micros: storage.FirstTime, Nanos: uint16(n)}, EndsAt: alert.NoTime}
			if n%2 == 1 {
				e.EndsAt = alert.Time{Micros: storage.LastTime, Nanos: 999}
			}
			batch = append(batch, e)
			events = append(events, storage.EventRow{ReceivedAt: d.ReceivedAt, Delivery: row.Number, Index: at, Status: e.Status,
				StartsAt: e.StartsAt, EndsAt: e.EndsAt, LabelSet: 8, Details: 9_000_000_000})
		}
		u.add(&d, batch, numbers)
	}
	first := alert.DeliveryNumber(3, 10)
	heads, rest := string(u.deliveryText)+"]", string(u.eventText)+"]"
	var got unbundled
	if err := errors.Join(got.readDeliveries(first, begin, heads, true), got.readEvents(first, begin, rest, nil)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.deliveries, want) {
		t.Errorf("deliveries\n%+v, want\n%+v", got.deliveries, want)
	}
	if !reflect.DeepEqual(got.events, events) {
		t.Errorf("events\n%+v, want\n%+v", got.events, events)
	}
	if err := got.readEvents(first, begin, rest, []int64{5, 9}); err != nil || len(got.events) != 0 {
		t.Errorf("%d events of other label sets, %v", len(got.events), err)
	}
	for cut := range heads {
		for _, wanted := range []bool{true, false} {
			if err := got.readDeliveries(first, begin, heads[:cut], wanted); !errors.Is(err, errNoBundle) {
				t.Fatalf("deliveries cut at %d: %v", cut, err)
			}
		}
	}
	if err := got.readDeliveries(first, begin, heads, false); err != nil {
		t.Fatal(err)
	}
	for cut := range rest {
		if err := got.readEvents(first, begin, rest[:cut], nil); !errors.Is(err, errNoBundle) {
			t.Fatalf("events cut at %d: %v", cut, err)
		}
		if err := labelSetsOf(first, rest[:cut], func(int64) {}); !errors.Is(err, errNoBundle) {
			t.Fatalf("label sets cut at %d: %v", cut, err)
		}
	}
}

// A delivery of many alerts is a bundle of its own, and others keep to the limits.
func TestSizesOfBundles(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(1, 30, 7)
	mustPosition(t, s, f.journal)
	mustWrite(t, s, f.batch(2000))
	f.perBody = 8_000
	mustWrite(t, s, f.batch(8_000))
	f.perBody = 1
	f.received += 3 * bundleSpan
	mustWrite(t, s, f.batch(300))
	f.received -= 2 * bundleSpan // which no journal does
	mustWrite(t, s, f.batch(300))
	if n := count(t, s, fmt.Sprintf(`SELECT count(*) FROM bundles WHERE alerts > %d`, bundleEvents)); n != 1 {
		t.Errorf("%d large bundles, want 1", n)
	}
	if n := count(t, s, fmt.Sprintf(`SELECT count(*) FROM bundles WHERE json_array_length(deliveries) > %d OR last_at - first_at > %d`,
		bundleDeliveries, int(bundleSpan))); n != 0 {
		t.Errorf("%d bundles are too large", n)
	}
	if n := count(t, s, `SELECT count(*) FROM bundles`); n > 40 {
		t.Errorf("%d bundles", n)
	}
	whole(t, s, 10_600)
	if n := count(t, s, `SELECT count(DISTINCT id) FROM alert_events`); n != 10_600 {
		t.Errorf("%d ids in the view", n)
	}
}
