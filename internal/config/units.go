package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var (
	errNotDuration = errors.New("not a duration")
	errNotSize     = errors.New("not a size")
)

// parseDuration reads what time.ParseDuration reads, and d (24 hours) and w
// (7 days) as well, in any mixture: 1d12h, 2w, 1.5d.
func parseDuration(s string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(s, "-")
	if rest == "0" {
		return 0, nil
	}
	var total time.Duration
	for first := true; first || rest != ""; first = false {
		part, err := cutDuration(&rest)
		if err != nil || part > math.MaxInt64-total {
			return 0, errNotDuration
		}
		total += part
	}
	if negative {
		return -total, nil
	}
	return total, nil
}

// cutDuration takes one number with its unit off the front of s.
func cutDuration(s *string) (time.Duration, error) {
	number := strings.IndexFunc(*s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if number <= 0 {
		return 0, errNotDuration
	}
	end := number
	for end < len(*s) && (*s)[end] != '.' && ((*s)[end] < '0' || (*s)[end] > '9') {
		end++
	}
	part, unit := (*s)[:end], (*s)[number:end]
	digits := part[:number]
	*s = (*s)[end:]

	day := 24 * time.Hour
	switch unit {
	case "w":
		return scaleDuration(digits, 7*day)
	case "d":
		return scaleDuration(digits, day)
	}
	return time.ParseDuration(part)
}

func scaleDuration(digits string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n*float64(unit) >= math.MaxInt64 {
		return 0, errNotDuration
	}
	return time.Duration(n * float64(unit)), nil
}

// parseSize reads a number of bytes, with or without a unit. As in every flag
// of the Prometheus family KB is the same as KiB: 1024 bytes. A fraction of a
// byte is cut off.
func parseSize(s string) (int64, error) {
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	shift, ok := sizeShift(strings.TrimSpace(s[end:]))
	if !ok || end == 0 {
		return 0, errNotSize
	}
	if n, err := strconv.ParseInt(s[:end], 10, 64); err == nil {
		if n > math.MaxInt64>>shift {
			return 0, errNotSize
		}
		return n << shift, nil
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	n *= float64(int64(1) << shift)
	if err != nil || n >= math.MaxInt64 {
		return 0, errNotSize
	}
	return int64(n), nil
}

// sizeShift returns the power of two behind a unit.
func sizeShift(unit string) (uint, bool) {
	switch strings.ToLower(unit) {
	case "", "b":
		return 0, true
	case "kib", "kb":
		return 10, true
	case "mib", "mb":
		return 20, true
	case "gib", "gb":
		return 30, true
	case "tib", "tb":
		return 40, true
	}
	return 0, false
}

// formatSize writes n in the largest unit that divides it; parseSize is its
// inverse.
func formatSize(n int64) string {
	units := []string{"", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for n != 0 && n%1024 == 0 && i+1 < len(units) {
		n /= 1024
		i++
	}
	return strconv.FormatInt(n, 10) + units[i]
}
