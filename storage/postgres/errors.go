package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// refusedError says that the data will be refused however often it is sent.
type refusedError struct{ err error }

func (e *refusedError) Error() string   { return e.err.Error() }
func (e *refusedError) Unwrap() error   { return e.err }
func (e *refusedError) Permanent() bool { return true }

// errNoPartition is told from a refused row, which has the same code.
var errNoPartition = errors.New("a partition has gone")

// numbersTaken are the keys by number. What violates them says nothing of the data: the
// numbers are forgotten when the position is asked for.
var numbersTaken = map[string]bool{
	"label_sets_pkey": true, "details_pkey": true, "envelopes_pkey": true, "label_runs_pkey": true, "label_pages_pkey": true,
}

const (
	uniqueViolation = "23505"
	checkViolation  = "23514"
	undefinedTable  = "42P01"

	classData       = "22" // data exception: no such date, no such character
	classIntegrity  = "23" // integrity constraint violation
	classExceedance = "54" // program limit exceeded: too large for what it is
)

// classify marks what the server refused for its content. All other errors,
// a serialization failure, a full disk, a shutdown, a lost connection, may pass.
func classify(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) < 2 {
		return err
	}
	if pg.Code == checkViolation && pg.ConstraintName == "" {
		return fmt.Errorf("%w: %w", errNoPartition, err) // dropped since we made it
	}
	if pg.Code == uniqueViolation && numbersTaken[pg.ConstraintName] {
		return fmt.Errorf("numbers were given out twice, as may be after a crash of the server; others are taken: %w", err)
	}
	switch pg.Code[:2] {
	case classData, classIntegrity, classExceedance:
		return &refusedError{err}
	}
	return err
}

// isRace reports whether a row was not written because somebody else wrote it.
func isRace(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == uniqueViolation
}

// isGone reports whether a table that was named is not there any more.
func isGone(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == undefinedTable
}
