package postgres

import (
	"encoding/binary"
	"math"
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Types by the numbers that PostgreSQL fixes for them.
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt4        = 23
	oidText        = 25
	oidTimestamptz = 1184
	oidUUID        = 2950

	oidBoolArray        = 1000
	oidByteaArray       = 1001
	oidInt4Array        = 1007
	oidTextArray        = 1009
	oidInt8Array        = 1016
	oidTimestamptzArray = 1185
	oidUUIDArray        = 2951
)

// epoch is 2000-01-01, from where PostgreSQL counts, in microseconds since 1970.
const epoch = 946684800_000000

// arguments collects the parameters of one statement, in binary. Each method
// adds one and returns its placeholder, so that a statement is written in one
// go. Text is put in stored form here.
type arguments struct {
	values [][]byte
	oids   []uint32
}

func (a *arguments) add(oid uint32, value []byte) string {
	a.values = append(a.values, value)
	a.oids = append(a.oids, oid)
	return "$" + strconv.Itoa(len(a.values))
}

func (a *arguments) int8(v int64) string {
	return a.add(oidInt8, binary.BigEndian.AppendUint64(nil, uint64(v)))
}

// time takes microseconds since 1970.
func (a *arguments) time(micros int64) string {
	return a.add(oidTimestamptz, binary.BigEndian.AppendUint64(nil, uint64(micros-epoch)))
}

func (a *arguments) text(s string) string { return a.add(oidText, []byte(storage.Escape(s))) }

func (a *arguments) uuid(id alert.ID) string { return a.add(oidUUID, id[:]) }

func (a *arguments) int8s(vs []int64) string {
	arr := newArray(oidInt8, len(vs))
	for _, v := range vs {
		arr.int8(v)
	}
	return a.array(oidInt8Array, arr)
}

func (a *arguments) array(oid uint32, arr *array) string { return a.add(oid, arr.buf) }

// array is a one-dimensional array in PostgreSQL's binary format.
type array struct{ buf []byte }

func newArray(element uint32, n int) *array { return &array{buf: appendDimensions(nil, element, n)} }

// arrayHead is how long that is, unless the array is empty.
const arrayHead = 20

// appendDimensions appends what stands in front of the elements of an array.
func appendDimensions(dst []byte, element uint32, n int) []byte {
	dimensions := uint32(1)
	if n == 0 {
		dimensions = 0
	}
	dst = binary.BigEndian.AppendUint32(dst, dimensions)
	dst = binary.BigEndian.AppendUint32(dst, 0) // whether there are nulls: worked out by the server
	dst = binary.BigEndian.AppendUint32(dst, element)
	if n > 0 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		dst = binary.BigEndian.AppendUint32(dst, 1) // index of the first
	}
	return dst
}

func (a *array) int8(v int64) {
	a.buf = appendInt8(a.buf, v)
}

func (a *array) uuid(id *alert.ID) {
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(id)))
	a.buf = append(a.buf, id[:]...)
}

// The fields of a tuple, with their length in front.

func appendInt8(dst []byte, v int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 8)
	return binary.BigEndian.AppendUint64(dst, uint64(v))
}

func appendInt4(dst []byte, v int32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 4)
	return binary.BigEndian.AppendUint32(dst, uint32(v))
}

func appendTime(dst []byte, micros int64) []byte { return appendInt8(dst, micros-epoch) }

func appendText(dst []byte, s string) []byte {
	s = storage.Escape(s)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func appendNull(dst []byte) []byte { return binary.BigEndian.AppendUint32(dst, math.MaxUint32) }

// appendArrayHead appends the length of an array of n elements of the same size,
// none of them null, and what stands in front of them.
func appendArrayHead(dst []byte, element uint32, size, n int) []byte {
	begin := len(dst)
	dst = appendDimensions(append(dst, 0, 0, 0, 0), element, n)
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-4+n*(4+size)))
	return dst
}
