package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

func TestBlocks(t *testing.T) {
	t.Parallel()
	f := func(numbers []int64, labels func(number int64) alert.LabelSet, want ...string) {
		t.Helper()
		var b blocks
		for _, n := range numbers {
			set := labels(n)
			b.add(n, set.Append(nil))
		}
		var got []string
		for _, x := range b.all {
			keys := b.keys[x.begin:x.end]
			if distinct := slices.Compact(slices.Sorted(slices.Values(keys))); len(distinct) != len(keys) {
				t.Errorf("sets %d to %d: %d of %d keys are different", x.first, x.last, len(distinct), len(keys))
			}
			got = append(got, fmt.Sprintf("%d-%d: %d", x.first, x.last, len(keys)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	// So many labels, the first of them that of no other set.
	set := func(labels int) func(number int64) alert.LabelSet {
		return func(number int64) alert.LabelSet {
			pairs := []string{"id", strconv.FormatInt(number, 10)}
			for i := 1; i < labels; i++ {
				pairs = append(pairs, fmt.Sprint("l", i), "v")
			}
			return storagetest.Labels(pairs...)
		}
	}
	upTo := func(n int64) (numbers []int64) {
		for i := range n {
			numbers = append(numbers, i+1)
		}
		return numbers
	}
	f(nil, set(1))
	f(upTo(3), set(10), "1-3: 15")                                    // an id and a fingerprint each, and nine that all have
	f([]int64{1, 2, 4, 5}, set(1), "1-2: 4", "4-5: 4")                // what is between belongs to others
	f([]int64{2, 1}, set(1), "2-2: 2", "1-1: 2")                      //
	f(upTo(230), set(9), "1-112: 232", "113-224: 232", "225-230: 20") // the next might bring ten more than 232
	f(upTo(2), set(300), "1-1: 301", "2-2: 301")                      // more than a block holds
	same := func(int64) alert.LabelSet { return storagetest.Labels("a", "b") }
	f(upTo(blockSets+1), same, "1-256: 2", "257-257: 2")
}

// mustBeInBlocks checks that each label set belongs to one block.
func (s *Store) mustBeInBlocks(t *testing.T) {
	t.Helper()
	got := s.mustQuery(t, `SELECT l.id::text FROM label_sets l
		WHERE (SELECT count(*) FROM label_blocks b WHERE l.id BETWEEN b.first_id AND b.last_id) <> 1`)
	if len(got) > 0 {
		t.Errorf("label sets %v are not in one block each", got)
	}
}
