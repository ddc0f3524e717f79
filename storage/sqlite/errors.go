package sqlite

import (
	"errors"

	driversqlite "modernc.org/sqlite"
)

// The primary result codes that say that the data is at fault, from sqlite3.h.
const (
	codeTooBig     = 18
	codeConstraint = 19
	codeMismatch   = 20
)

// And those that say that the file is.
const (
	codeCorrupt = 11
	codeNotADB  = 26
)

// damageRemedy is what can be done where the file is no database any more.
func damageRemedy(err error) string {
	var e *driversqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == codeCorrupt || e.Code()&0xff == codeNotADB) {
		return "; put a backup in its place, or move it and its -wal away to begin with an empty one (what is not stored yet is in the journal)"
	}
	return ""
}

// refusedError is about data that can never be stored.
type refusedError struct{ err error }

func (e *refusedError) Error() string   { return e.err.Error() }
func (e *refusedError) Unwrap() error   { return e.err }
func (e *refusedError) Permanent() bool { return true }

// classify marks an error as permanent when SQLite refused the data. A busy
// database, a full disk and a broken one may all pass.
func classify(err error) error {
	var e *driversqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the rest says which kind of constraint and the like
	case codeTooBig, codeConstraint, codeMismatch:
		return &refusedError{err}
	}
	return err
}
