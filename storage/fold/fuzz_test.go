package fold_test

import (
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
	"stormdrain/storage/storagetest"
)

// FuzzFolding folds what the bytes say, event by event and in batches with some of
// them read again, and wants the same. Two bytes are an event: how long after the last
// one, whether a delivery ends and a fold follows; alert, beginning, status and end.
func FuzzFolding(f *testing.F) {
	f.Add([]byte{0x10, 0x00, 0x21, 0x40, 0x32, 0x04, 0x93, 0x48, 0xf0, 0x00})
	f.Add([]byte{0x00, 0x08, 0x30, 0x04, 0xe0, 0x48, 0xf3, 0x08, 0x00, 0x0c})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 200 {
			data = data[:200]
		}
		steps := [8]int64{0, 1, 1e6, 30e6, 60e6, alert.StaleAfter, alert.StaleAfter + 1, 3600e6}
		db, p, model := newTables(), fold.NewPending(25), new(storagetest.Folding)
		var written []storagetest.Delivery
		folded, now := uint64(0), int64(someday)
		d := storagetest.Delivery{Seq: 1, ReceivedAt: now}
		for ; len(data) >= 2; data = data[2:] {
			first, second := data[0], data[1]
			a := storagetest.Alert{
				Index: int32(len(d.Alerts)), Status: alert.Status(second >> 6 & 1), EndsAt: alert.NoTime,
				StartsAt: alert.Time{Micros: someday - 1e6 + int64(second>>2&7)*4e5, Nanos: uint16(second >> 5 & 1)},
				Labels:   storagetest.Labels("alertname", string('a'+rune(second&1))),
				Details:  alert.Details{GeneratorURL: string('0' + rune(second&7))},
			}
			if second>>7 == 1 {
				a.EndsAt = alert.Time{Micros: now - int64(second&3)*1e6}
			}
			d.Source, d.Envelope.Receiver = string('s'+rune(second>>1&1)), string('r'+rune(first&3))
			d.Alerts = append(d.Alerts, a)
			now += steps[first>>5]
			if first&4 == 0 {
				continue
			}
			done := d
			model.Add(&done) // which keeps it
			b := storagetest.Batch(journal, done.Seq-1, done)
			p.Add(b, db.number(b))
			written = append(written, done)
			switch first >> 3 & 3 {
			case 0:
				p.Begin(alert.ID{}, 0)
			case 1:
				folded = db.catchUp(p, written, folded, d.Seq, 2)
			}
			d = storagetest.Delivery{Seq: d.Seq + 1, ReceivedAt: now}
		}
		if folded = db.catchUp(p, written, folded, d.Seq-1, 3); folded != d.Seq-1 {
			t.Fatalf("folded up to %d of %d", folded, d.Seq-1)
		}
		db.check(t, model)
	})
}
