package config

import (
	"math"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	f := func(s string, want time.Duration) {
		t.Helper()
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", s, got, err, want)
		}
	}
	const day = 24 * time.Hour
	f("0", 0)
	f("0s", 0)
	f("100ms", 100*time.Millisecond)
	f("1h30m", 90*time.Minute)
	f("1.5h", 90*time.Minute)
	f("1d", day)
	f("1d12h", 36*time.Hour)
	f("2w", 14*day)
	f("1w2d3h4m5s6ms7us8ns", 9*day+3*time.Hour+4*time.Minute+5*time.Second+6*time.Millisecond+7*time.Microsecond+8)
	f("1.5d", 36*time.Hour)
	f("12h1d", 36*time.Hour)
	f("-1d", -day)
	f("106751d", 106751*day)

	bad := func(s string) {
		t.Helper()
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q: %v, want an error", s, got)
		}
	}
	for _, s := range []string{"", "-", "1", "30", "d", ".d", "1dd", "1x", "1 d", " 1d", "1d ", "1d2", "--1d", "1e3s", "200000000w", "106752d", "1y",
		"9223372036s9223372036s", "NaNs", "1..5d", "0x1d"} {
		bad(s)
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	f := func(s string, want int64) {
		t.Helper()
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", s, got, err, want)
		}
	}
	f("0", 0)
	f("33554432", 33554432)
	f("1B", 1)
	f("1KiB", 1<<10)
	f("1KB", 1<<10)
	f("64MiB", 64<<20)
	f("64 MiB", 64<<20)
	f("64mib", 64<<20)
	f("8GiB", 8<<30)
	f("8GB", 8<<30)
	f("2TiB", 2<<40)
	f("1.5GiB", 3<<29)
	f("0.0001KiB", 0)
	f("9223372036854775807", math.MaxInt64)

	for _, s := range []string{"", "KiB", "-1", "-1KiB", "+1", "1PiB", "1Ki", "1K", "1 2", "8 parsecs", "1e3", "0x10", "1_000", "..", "1.2.3MiB",
		"9223372036854775808", "8388608TiB", "99999999999999999999TiB", "٣"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q: %v, want an error", s, got)
		}
	}
}

func TestFormatSize(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, 1000, 1024, 1536, 64 << 20, 8 << 30, 1 << 50, math.MaxInt64} {
		if got, err := parseSize(formatSize(n)); err != nil || got != n {
			t.Errorf("%d: %s, %d, %v", n, formatSize(n), got, err)
		}
	}
	if got := formatSize(8 << 30); got != "8GiB" {
		t.Error(got)
	}
}
