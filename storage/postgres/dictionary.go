package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
)

// kinds is in the order in which every process writes them.
var kinds = [...]alert.EntryKind{alert.KindLabelSet, alert.KindDetails, alert.KindEnvelope}

// tableOf names the dictionary of a kind.
func tableOf(k alert.EntryKind) string {
	switch k {
	case alert.KindLabelSet:
		return "label_sets"
	case alert.KindDetails:
		return "details"
	default:
		return "envelopes"
	}
}

// lookup finds the numbers of dictionary entries by their identity.
type lookup struct {
	entries []alert.Entry
	wanted  []int32 // indexes of entries
	found   map[alert.ID]int64
}

func newLookup(entries []alert.Entry, wanted []int32) *lookup {
	return &lookup{entries: entries, wanted: wanted, found: make(map[alert.ID]int64, len(wanted))}
}

// ask adds a statement for each kind that there is something to ask of.
func (l *lookup) ask(batch *pgconn.Batch) {
	for _, kind := range kinds {
		ids := slices.DeleteFunc(slices.Clone(l.wanted), func(i int32) bool { return l.entries[i].Kind() != kind })
		if len(ids) == 0 {
			continue
		}
		arr := newArray(oidUUID, len(ids))
		for _, i := range ids {
			id := l.entries[i].ID()
			arr.uuid(&id)
		}
		var a arguments
		sql := `SELECT id, identity FROM ` + tableOf(kind) + ` WHERE identity = ANY (` + a.array(oidUUIDArray, arr) + `)`
		batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
	}
}

// read takes one answer: number and identity.
func (l *lookup) read(rr *pgconn.ResultReader) error {
	return readRows(rr, func(v row) error {
		l.found[v.uuid(1)] = v.int8(0)
		return nil
	})
}

// resolve sets numbers[i] of what was found and returns the indexes of the rest.
func (l *lookup) resolve(numbers []int64) (missing []int32) {
	for _, i := range l.wanted {
		if n, ok := l.found[l.entries[i].ID()]; ok {
			numbers[i] = n
		} else {
			missing = append(missing, i)
		}
	}
	return missing
}

// insertBytes is how much content goes into one round trip: it is in memory
// twice meanwhile.
const insertBytes = 8 << 20

// insertMissing writes the entries that the tables do not have, in order of kind
// and identity: two processes that write the same ones then wait for each other
// in the same order, and never for ever.
func (t *transaction) insertMissing(ctx context.Context, missing []int32) error {
	entries := t.b.Entries
	slices.SortFunc(missing, func(i, j int32) int {
		a, b := entries[i].ID(), entries[j].ID()
		return cmp.Or(cmp.Compare(entries[i].Kind(), entries[j].Kind()), bytes.Compare(a[:], b[:]))
	})
	l := newLookup(entries, missing)
	for rest := missing; len(rest) > 0; {
		n, err := t.insertSome(ctx, rest, l)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	raced := l.resolve(t.numbers)
	if len(raced) == 0 {
		return nil
	}
	// Another process committed these between our look and our insert.
	l = newLookup(entries, raced)
	batch := &pgconn.Batch{}
	l.ask(batch)
	if err := t.run(ctx, batch, l); err != nil {
		return fmt.Errorf("read %d dictionary entries: %w", len(raced), err)
	}
	if gone := l.resolve(t.numbers); len(gone) > 0 {
		return fmt.Errorf("%d dictionary entries are neither new nor there", len(gone))
	}
	return nil
}

// insertSome writes as many entries of missing as fit into a round trip, and
// returns how many those are. It takes it that nobody else writes the same ones
// now, and goes back to a savepoint when somebody does.
func (t *transaction) insertSome(ctx context.Context, missing []int32, l *lookup) (n int, err error) {
	batch := &pgconn.Batch{}
	batch.ExecParams(`SAVEPOINT dictionary`, nil, nil, nil, nil)
	if n, err = t.addInserts(batch, missing, false); err != nil {
		return 0, err
	}
	batch.ExecParams(`RELEASE dictionary`, nil, nil, nil, nil)
	err = t.run(ctx, batch, l)
	if isRace(err) {
		batch = &pgconn.Batch{}
		batch.ExecParams(`ROLLBACK TO dictionary`, nil, nil, nil, nil)
		if n, err = t.addInserts(batch, missing, true); err != nil {
			return 0, err
		}
		err = t.run(ctx, batch, l)
	}
	if err != nil {
		return 0, fmt.Errorf("write %d dictionary entries: %w", n, err)
	}
	return n, nil
}

// run sends statements, some of which return numbers and identities, which are
// l's when all of them went well.
func (t *transaction) run(ctx context.Context, batch *pgconn.Batch, l *lookup) (err error) {
	found := lookup{found: map[alert.ID]int64{}}
	answers := t.c.ExecBatch(ctx, batch)
	for err == nil && answers.NextResult() {
		err = found.read(answers.ResultReader())
	}
	if closeErr := answers.Close(); closeErr != nil {
		return closeErr
	}
	maps.Copy(l.found, found.found)
	return err
}

// addInserts adds a statement for each kind at the front of missing, up to
// insertBytes, and returns how many entries that are: one at least.
func (t *transaction) addInserts(batch *pgconn.Batch, missing []int32, patient bool) (n int, err error) {
	size := 0
	for n < len(missing) && size < insertBytes {
		kind := t.b.Entries[missing[n]].Kind()
		r := newInsertion(kind)
		for ; n < len(missing) && size < insertBytes && t.b.Entries[missing[n]].Kind() == kind; n++ {
			e := t.b.Entries[missing[n]]
			content, err := e.Content()
			if err != nil {
				return 0, fmt.Errorf("content of %s %x: %w", kind, e.ID(), err)
			}
			if err := r.add(e.ID(), content); err != nil {
				// The journal holds it as it is: it will not get better.
				return 0, &refusedError{fmt.Errorf("content of %s %x: %w", kind, e.ID(), err)}
			}
			size += len(content)
		}
		sql, a := r.statement(patient)
		batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
	}
	return n, nil
}

var errUnknownKind = errors.New("unknown kind of dictionary entry")
