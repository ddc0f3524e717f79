package sqlite

import (
	"net/url"
	"strconv"
	"time"
)

const (
	// busyTimeout is how long a transaction waits for another process.
	busyTimeout = 5 * time.Second

	// A commit that finds this many pages of 4 KiB in the log copies them into
	// the database: 64 MiB.
	checkpointPages = 16384

	// logLimit is what the log file is cut to once it starts again.
	logLimit = checkpointPages * 4096

	// Cache of the writing connection, and of each reading one, in KiB. Nearly
	// all that is written is added at the end of a table, so the first need not
	// hold more than a batch or two. In memory they are twice as large: the
	// library's allocator rounds a page with its head up to 8 KiB.
	writerCache = 4096
	readerCache = 4096
)

// The driver runs the pragmas for every connection that it opens. WAL, so that
// nobody who reads holds up who writes; synchronous=FULL, so that a commit is on
// the disk when it returns.
func writerDSN(path string) string {
	q := shared(writerCache)
	q.Set("_journal_mode", "WAL")
	q.Set("_synchronous", "FULL")
	q.Add("_pragma", "wal_autocheckpoint("+strconv.Itoa(checkpointPages)+")")
	q.Add("_pragma", "journal_size_limit("+strconv.Itoa(logLimit)+")")
	return dsn(path, q)
}

func readerDSN(path string) string {
	q := shared(readerCache)
	q.Set("_query_only", "true")
	return dsn(path, q)
}

func shared(cacheKiB int) url.Values {
	q := url.Values{}
	q.Set("_busy_timeout", strconv.FormatInt(busyTimeout.Milliseconds(), 10))
	q.Set("_foreign_keys", "off")
	q.Set("_dqs", "false")
	q.Add("_pragma", "cache_size(-"+strconv.Itoa(cacheKiB)+")")
	return q
}

func dsn(path string, q url.Values) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}
