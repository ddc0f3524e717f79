package pipeline

import (
	"os"
	"strconv"
	"testing"

	"stormdrain/internal/alert"
)

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		alerts int
		file   string
	}{{1, "105-single-cputhrottlinghigh-1-am0.34.2.json"}, {10, "059-grp10-v0342-1-am0.34.2.json"}, {1000, "062-grp1000-v0342-1-am0.34.2.json"}} {
		b.Run("alerts="+strconv.Itoa(c.alerts), func(b *testing.B) {
			body, err := os.ReadFile("../internal/e2e/testdata/payloads/" + c.file)
			if err != nil {
				b.Fatal(err)
			}
			d := &decoder{table: newInternTable(32 << 20)}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.decode(alert.Webhook, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecodeNew decodes ten alerts that the table never takes.
func BenchmarkDecodeNew(b *testing.B) {
	body, err := os.ReadFile("../internal/e2e/testdata/payloads/059-grp10-v0342-1-am0.34.2.json")
	if err != nil {
		b.Fatal(err)
	}
	d := &decoder{table: newInternTable(0)}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.decode(alert.Webhook, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTime(b *testing.B) {
	for _, s := range []string{"2026-11-23T07:59:55.06Z", "2026-11-23T07:59:55.06+01:00"} {
		b.Run("time="+s, func(b *testing.B) {
			raw := []byte(s)
			for b.Loop() {
				if _, err := parseTime(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
