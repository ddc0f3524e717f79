package command

import "context"

// search finds the highest rate that holds: it doubles from the first one on
// until a rate does not hold (or halves until one does), and then halves what
// lies between. A rate that does not hold is tried once more, for machines have
// other things to do. 0: not even one request a second held.
//
// holds is asked with one rate after the other; it must not be asked about a
// rate above most.
func search(ctx context.Context, first, most int, holds func(rate int) (bool, error)) (best int, err error) {
	try := func(rate int) bool {
		if err != nil || ctx.Err() != nil {
			return false
		}
		var ok bool
		if ok, err = holds(rate); ok || err != nil || ctx.Err() != nil {
			return ok && err == nil
		}
		ok, err = holds(rate)
		return ok && err == nil
	}
	low, high := 0, first
	for try(high) {
		low = high
		if high == most {
			return most, nil
		}
		high = min(2*high, most)
	}
	for low == 0 && high > 1 && err == nil && ctx.Err() == nil {
		if half := high / 2; try(half) {
			low = half
		} else {
			high = half
		}
	}
	for high-low > max(1, low/precision) && err == nil && ctx.Err() == nil && low > 0 {
		if middle := low + (high-low)/2; try(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low, err
}

// precision is what part of the rate the search leaves open.
const precision = 20
