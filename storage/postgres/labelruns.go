package postgres

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/storage/postgres/runs"
)

// labelRun is a row of label_runs.
type labelRun struct {
	number int64 // which its pages go by: a number that no other run has or has had
	runs.Run
}

const labelRunFields = `number, first_id, last_id, sets`

func labelRunOf(v row) labelRun {
	return labelRun{v.int8(0), runs.Run{First: v.int8(1), Last: v.int8(2), Sets: v.int8(3)}}
}

// copyRuns writes what was built for the label sets that were copied, if they were. A run
// goes by the number of its first set: one out of the same sequence, and no other's.
func (t *transaction) copyRuns(ctx context.Context) (err error) {
	t.index.Finish()
	built := t.index.Runs()
	if len(built) == 0 {
		return nil
	}
	all := make([]labelRun, len(built))
	for i, b := range built {
		all[i] = labelRun{b.First, b.Run}
	}
	if err := insertRuns(ctx, t.c, all...); err != nil {
		return err
	}
	t.runs += len(built)
	of := 0
	t.tuples, err = copyPages(ctx, t.c, t.tuples, t.index.Pages(), func(page int) int64 {
		for page >= built[of].To {
			of++
		}
		return built[of].First
	})
	return err
}

func insertRuns(ctx context.Context, c *pgconn.PgConn, all ...labelRun) error {
	var a arguments
	sql := `INSERT INTO label_runs (` + labelRunFields + `) VALUES `
	for i, r := range all {
		if i > 0 {
			sql += `, `
		}
		sql += `(` + a.int8(r.number) + `, ` + a.int8(r.First) + `, ` + a.int8(r.Last) + `, ` + a.int8(r.Sets) + `)`
	}
	return exec(ctx, c, sql, a)
}

// copyPages writes pages; run says which one a page is of, and is asked in their order. The
// buffer is given back.
func copyPages(ctx context.Context, c *pgconn.PgConn, buf []byte, pages *runs.Pages, run func(page int) int64) ([]byte, error) {
	const sql = `COPY label_pages (run, key, number, packed) FROM STDIN (FORMAT binary)`
	return copyTuples(ctx, c, sql, buf, pages.Len(), func(dst []byte, i int) ([]byte, error) {
		p := pages.At(i)
		dst = binary.BigEndian.AppendUint16(dst, 4)
		dst = appendInt8(dst, run(i))
		dst = appendInt8(dst, int64(p.Key))
		dst = appendInt8(dst, p.Number)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(p.Packed)))
		return append(dst, p.Packed...), nil
	})
}

const labelPageFields = `key, number, packed`

// labelPage reads a page, which is the caller's.
func labelPage(v row, i int) runs.Page {
	return runs.Page{Key: runs.Key(v.int8(i)), Number: v.int8(i + 1), Packed: append([]byte(nil), v[i+2]...)}
}
