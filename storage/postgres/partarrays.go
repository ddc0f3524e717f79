package postgres

import (
	"encoding/binary"
	"errors"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// partArrays are the arrays of a row of deliveries, lent until the next row.
type partArrays struct {
	labels, details, starts, ends, bits [][]byte
}

// partArrayFields are the columns that load reads.
const partArrayFields = `label_sets, details, starts_at, ends_at, bits`

// load takes the arrays from the columns that begin at column, and returns how many
// events they have.
func (p *partArrays) load(v row, column int) (events int, err error) {
	for i, array := range [...]*[][]byte{&p.labels, &p.details, &p.starts, &p.ends, &p.bits} {
		*array = v.array(column+i, (*array)[:0])
	}
	n := len(p.labels)
	if len(p.details) != n || len(p.starts) != n || !v.null(column+3) && len(p.ends) != n || !v.null(column+4) && len(p.bits) != n {
		return 0, errors.New("its arrays differ in length")
	}
	return n, nil
}

// event makes an event of element i of the arrays.
func (p *partArrays) event(i int) (e storage.EventRow) {
	int8 := func(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }
	e.LabelSet, e.Details = int8(p.labels[i]), int8(p.details[i])
	var packed int32
	if len(p.bits) > 0 {
		packed = int32(binary.BigEndian.Uint32(p.bits[i]))
	}
	e.StartsAt.Micros, e.EndsAt = int8(p.starts[i])+epoch, alert.NoTime
	var endNanos uint16
	e.Status, e.StartsAt.Nanos, endNanos = storage.UnpackBits(packed)
	if len(p.ends) > 0 && p.ends[i] != nil {
		e.EndsAt = alert.Time{Micros: int8(p.ends[i]) + epoch, Nanos: endNanos}
	}
	return e
}
