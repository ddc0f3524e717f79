package config

import (
	"reflect"
	"testing"
)

func TestContradictions(t *testing.T) {
	t.Parallel()
	refused(t, []string{"--journal.segment-bytes=1GiB", "--journal.max-bytes=1MiB"},
		"journal.segment_bytes: 1GiB (--journal.segment-bytes) is more than journal.max_bytes: 1MiB (--journal.max-bytes)")
	refused(t, []string{"--database.min-connections=5", "--database.max-connections=3"}, "database.min_connections: 5", "database.max_connections: 3")
	refused(t, []string{"--webhook.max-request-size=128MiB", "--pipeline.in-flight-max-bytes=256MiB"},
		"pipeline.in_flight_max_bytes: 256MiB (--pipeline.in-flight-max-bytes) is too small for webhook.max_request_size: 128MiB", "want at least ")
	refused(t, []string{"--pipeline.in-flight-max-bytes=1MiB"}, "pipeline.in_flight_max_bytes: 1MiB", "is too small for webhook.max_request_size: 32MiB;")

	f := func(want func(*Config) bool, note string, args ...string) {
		t.Helper()
		got := invoke(nil, args...)
		if got.code != 0 || !want(&got.cfg) || !reflect.DeepEqual(got.cfg.Warnings, []string{note}) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	f(func(c *Config) bool { return c.Journal.SegmentBytes == 4<<20 }, "journal.segment_bytes is 4MiB because journal.max_bytes is 16MiB",
		"--journal.max-bytes=16MiB")
	f(func(c *Config) bool { return c.Journal.MaxBytes == 16<<30 }, "journal.max_bytes is 16GiB because journal.segment_bytes is 16GiB",
		"--journal.segment-bytes=16GiB")
	f(func(c *Config) bool { return c.Database.MinConnections == 1 }, "database.min_connections is 1 because database.max_connections is 1",
		"--database.max-connections=1")
	f(func(c *Config) bool { return c.Webhook.MaxRequestSize == 3967<<10 },
		"webhook.max_request_size is 3967KiB because pipeline.in_flight_max_bytes is 16MiB", "--pipeline.in-flight-max-bytes=16MiB")
	f(func(c *Config) bool { return c.Pipeline.InFlightMaxBytes == 265<<20 },
		"pipeline.in_flight_max_bytes is 265MiB because webhook.max_request_size is 128MiB", "--webhook.max-request-size=128MiB")
}
