package storage

import "stormdrain/internal/alert"

// The stores hold times in microseconds and put what is left of them, with the
// status, into one small integer:
//
//	bit 0        the status: 0 firing, 1 resolved
//	bits 1–10    nanoseconds of starts_at
//	bits 11–20   nanoseconds of ends_at, 0 when open

// PackBits makes that integer.
func PackBits(s alert.Status, starts, ends alert.Time) int32 {
	return int32(s&1) | int32(starts.Nanos)<<1 | int32(ends.Nanos)<<11
}

// UnpackBits is the inverse of PackBits: it returns the status and the
// nanoseconds of the two times.
func UnpackBits(bits int32) (s alert.Status, starts, ends uint16) {
	return alert.Status(bits & 1), uint16(bits >> 1 & 1023), uint16(bits >> 11 & 1023)
}
