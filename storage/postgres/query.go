package postgres

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// row is one row of an answer, in binary, lent until the next. The methods read
// a column that the statement promises to have that type.
type row [][]byte

func (r row) int8(i int) int64 { return int64(binary.BigEndian.Uint64(r[i])) }

func (r row) int4(i int) int32 { return int32(binary.BigEndian.Uint32(r[i])) }

// time returns microseconds since 1970.
func (r row) time(i int) int64 { return r.int8(i) + epoch }

func (r row) int2(i int) int16 { return int16(binary.BigEndian.Uint16(r[i])) }

func (r row) null(i int) bool { return r[i] == nil }

func (r row) uuid(i int) alert.ID { return alert.ID(r[i]) }

func (r row) text(i int) string { return storage.Unescape(string(r[i])) }

func (r row) pairs(i int) ([]alert.Pair, error) { return storage.ParsePairs(string(r[i])) }

// json returns a copy of JSON text, nil for null.
func (r row) json(i int) []byte {
	if r.null(i) {
		return nil
	}
	return storage.UnescapeJSON(append([]byte(nil), r[i]...))
}

// array appends the elements of a one-dimensional array to dst, those that are
// null as nil; a null array has none.
func (r row) array(i int, dst [][]byte) [][]byte {
	b := r[i]
	if len(b) < arrayHead {
		return dst // null or empty
	}
	n := binary.BigEndian.Uint32(b[12:])
	b = b[arrayHead:]
	for range n {
		var element []byte
		size := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if size >= 0 {
			element, b = b[:size], b[size:]
		}
		dst = append(dst, element)
	}
	return dst
}

// allBinary asks for every parameter or column in binary format.
func allBinary() []int16 { return []int16{1} }

// query runs one statement and calls f for each row.
func query(ctx context.Context, c *pgconn.PgConn, sql string, a arguments, f func(row) error) error {
	return readRows(c.ExecParams(ctx, sql, a.values, a.oids, allBinary(), allBinary()), f)
}

// exec runs one statement that returns no rows.
func exec(ctx context.Context, c *pgconn.PgConn, sql string, a arguments) error {
	return query(ctx, c, sql, a, func(row) error { return nil })
}

// readRows reads an answer to its end, also when f has had enough of it.
func readRows(rr *pgconn.ResultReader, f func(row) error) (err error) {
	for rr.NextRow() {
		if err == nil {
			err = f(rr.Values())
		}
	}
	if _, closeErr := rr.Close(); closeErr != nil {
		return closeErr
	}
	return err
}
