package config

import (
	"fmt"

	"stormdrain/server/compress"
)

// reconcile looks at keys that depend on each other. Where both were set and
// contradict each other it says which; where one of them is a default, the
// default gives way, for nobody should have to set segment_bytes because they
// made the journal small. What gave way is returned in words, for the log.
func reconcile(settings []*setting, cfg *Config) (adjusted []string, errs []error) {
	r := reconciler{}
	db := func(key string) *setting { return byKey(settings, "database."+key) }
	journal := func(key string) *setting { return byKey(settings, "journal."+key) }
	atMost(&r, db("min_connections"), &cfg.Database.MinConnections, db("max_connections"), &cfg.Database.MaxConnections, 1)
	atMost(&r, journal("segment_bytes"), &cfg.Journal.SegmentBytes, journal("max_bytes"), &cfg.Journal.MaxBytes, 4)
	r.bodyFits(byKey(settings, "webhook.max_request_size"), &cfg.Webhook.MaxRequestSize,
		byKey(settings, "pipeline.in_flight_max_bytes"), &cfg.Pipeline.InFlightMaxBytes)
	return r.adjusted, r.errs
}

func byKey(settings []*setting, key string) *setting {
	for _, s := range settings {
		if s.key == key {
			return s
		}
	}
	panic("BUG: no setting " + key)
}

type reconciler struct {
	adjusted []string
	errs     []error
}

// atMost wants small to be no larger than large. A default small becomes a
// parts-th of large; a default large becomes small.
func atMost[T int | int64](r *reconciler, s *setting, small *T, l *setting, large *T, parts T) {
	switch {
	case *small <= *large:
	case s.source == "":
		*small = max(*large/parts, 1)
		r.adjust(s, *small, l, *large)
	case l.source == "":
		*large = *small
		r.adjust(l, *large, s, *small)
	default:
		r.errs = append(r.errs, fmt.Errorf("%s: %s%s is more than %s: %s%s; want at most that",
			s.key, show(*small), from(s.source), l.key, show(*large), from(l.source)))
	}
}

// bodyFits wants room for the largest body as it came, for what it decompresses
// to, and for the decompressor: otherwise such a body waits for room that will
// never be there, and its sender tries again for ever.
func (r *reconciler) bodyFits(b *setting, body *int64, i *setting, inFlight *int64) {
	const kib, mib = 1 << 10, 1 << 20
	fixed := compress.Zstd.Memory() + 1
	needed := 2**body + fixed
	switch {
	case needed <= *inFlight:
	case i.source == "":
		*inFlight = (needed + mib - 1) / mib * mib
		r.adjust(i, *inFlight, b, *body)
	case b.source == "" && *inFlight >= fixed+2*kib:
		*body = (*inFlight - fixed) / 2 / kib * kib
		r.adjust(b, *body, i, *inFlight)
	default:
		r.errs = append(r.errs, fmt.Errorf("%s: %s%s is too small for %s: %s%s; want at least %d, twice that and %d for the decompressor",
			i.key, show(*inFlight), from(i.source), b.key, show(*body), from(b.source), needed, fixed))
	}
}

func (r *reconciler) adjust(changed *setting, to any, because *setting, is any) {
	r.adjusted = append(r.adjusted, fmt.Sprintf("%s is %s because %s is %s", changed.key, show(to), because.key, show(is)))
}

func show(v any) string {
	if size, ok := v.(int64); ok {
		return formatSize(size)
	}
	return fmt.Sprint(v)
}
