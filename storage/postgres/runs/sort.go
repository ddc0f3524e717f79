package runs

import "slices"

const (
	digitBits = 10
	digits    = keyBits / digitBits

	// fewPairs are sorted faster by comparing.
	fewPairs = 1 << 9
)

// sortPairs sorts pairs, whose lower bits ascend already: by digits of the key,
// from the lowest, each time keeping the order of before. That is a fifth of the time
// of slices.Sort at 50 000. It returns other, which it needs as much room in, to be
// used again.
func sortPairs(pairs, other []uint64) []uint64 {
	if len(pairs) < fewPairs {
		slices.Sort(pairs)
		return other
	}
	other = slices.Grow(other[:0], len(pairs))[:len(pairs)]
	var counts [digits][1 << digitBits]uint32
	for _, p := range pairs {
		for d := range digits {
			counts[d][digit(p, d)]++
		}
	}
	from, to := pairs, other
	for d := range digits {
		at, next := &counts[d], uint32(0)
		for i, n := range at {
			at[i], next = next, next+n
		}
		for _, p := range from {
			i := digit(p, d)
			to[at[i]] = p
			at[i]++
		}
		from, to = to, from
	}
	return other // digits are even: what is sorted is in pairs
}

func digit(pair uint64, d int) uint64 {
	return pair >> (ordinalBits + d*digitBits) & (1<<digitBits - 1)
}
