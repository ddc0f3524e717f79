package measure

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// stored counts the rows of the store itself, as the server's own metrics are
// part of what is tested, and the bytes that they take with all that belongs to
// them.
func (i *instance) stored(ctx context.Context) (rows, bytes int64, err error) {
	file := filepath.Join(i.dir, "data", "stormdrain.db")
	driver, source, count := "sqlite", "file:"+file+"?mode=ro", "SELECT coalesce(sum(alerts), 0) FROM bundles"
	size := "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if i.db != nil {
		driver, source, count = "pgx", i.db.url, "SELECT coalesce(sum(cardinality(label_sets)), 0)::bigint FROM deliveries"
		size = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
	}
	if i.Variant != "" {
		count = "SELECT count(*) FROM alerts"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, count).Scan(&rows); err != nil {
		return 0, 0, fmt.Errorf("count what %s has stored: %w", i.Name, err)
	}
	if err := db.QueryRowContext(ctx, size).Scan(&bytes); err != nil {
		return 0, 0, fmt.Errorf("size of what %s has stored: %w", i.Name, err)
	}
	return rows, bytes, nil
}

// journaled returns how much has been written to the journal in all: complete
// segments, which may have been deleted, and the records of the newest one,
// which has zeros ahead of it. docs/journal-format.md says how it looks.
func (i *instance) journaled() (int64, error) {
	names, err := filepath.Glob(filepath.Join(i.dir, "data", "journal", "*.seg"))
	if err != nil || len(names) == 0 {
		return 0, err
	}
	newest := slices.Max(names) // the number is in hex, and as long in all
	number, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(newest), ".seg"), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("segment %s: %w", newest, err)
	}
	text, err := os.ReadFile(newest)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	size, sizeErr := segmentBytes(i.Flags)
	return number*size + recordsEnd(text), errors.Join(err, sizeErr)
}

const (
	segmentHeader = 48
	recordHeader  = 32
)

// recordsEnd returns where the records of a segment end.
func recordsEnd(segment []byte) int64 {
	at := int64(segmentHeader)
	for at+recordHeader <= int64(len(segment)) {
		length := int64(binary.LittleEndian.Uint32(segment[at:]))
		if length < recordHeader || at+length > int64(len(segment)) {
			break
		}
		at += length
	}
	return at
}

// segmentFlag says at which size the next segment is begun.
const segmentFlag = "--journal.segment-bytes="

// segmentBytes returns what the flags say, or the default.
func segmentBytes(flags []string) (int64, error) {
	const defaultMiB = 64
	for _, f := range flags {
		if v, ok := strings.CutPrefix(f, segmentFlag); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(v, "MiB"), 10, 64)
			if err != nil || !strings.HasSuffix(v, "MiB") {
				return 0, fmt.Errorf("%s: not in MiB, which is all that is understood here", f)
			}
			return n << 20, nil
		}
	}
	return defaultMiB << 20, nil
}
