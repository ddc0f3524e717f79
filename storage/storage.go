// Package storage is the contract of a store; storagetest is the same contract
// as tests. The stores themselves are in the folders below.
package storage

import (
	"context"
	"errors"

	"stormdrain/internal/alert"
)

// Store keeps events for ever and exactly once.
type Store interface {
	// Position returns up to which position the journal is stored: 0 for one
	// that the store has never seen, which it registers. Migrations that are
	// due run first.
	Position(ctx context.Context, journal alert.ID) (uint64, error)

	// JournalNumber returns the number of a journal that Position has registered,
	// as it is in alert.DeliveryNumber.
	JournalNumber(ctx context.Context, journal alert.ID) (int32, error)

	// Write stores the batch and the position b.To in one transaction; nil
	// means committed. ErrPosition: the store is not at b.From, nothing was
	// written. An error with Permanent() true means that the data was refused,
	// so trying the same again is pointless. After any other error the batch
	// may or may not be committed: ask Position.
	Write(ctx context.Context, b *alert.Batch) error

	// Try does what Write does, position and all, and rolls back. It serves
	// for finding the row that a refused batch was refused for.
	Try(ctx context.Context, b *alert.Batch) error

	// Events calls yield for each event that q asks for, in its order, and
	// returns yield's error as it is. What yield is given is read-only and may
	// be kept. It reads page by page, so it holds no transaction open while
	// yield runs.
	Events(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error

	Recorder
	Folder
	EpisodeReader
	Truncater
	Retainer

	// Ping reports whether the store answers.
	Ping(ctx context.Context) error

	// Connections counts them as they are now.
	Connections() Connections

	Close() error
}

// Connections are those that a store has to its database.
type Connections struct {
	Busy int // lent to somebody
	Idle int // open and waiting for the next one
	Most int // how many may be open at once
}

// ErrPosition is returned by Write when the store is at another position than
// the batch begins at.
var ErrPosition = errors.New("store is at another position")

// Permanent reports whether trying again is pointless. An error that does not
// say is not permanent: we would sooner retry for ever than drop an alert.
func Permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}
