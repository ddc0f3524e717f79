package main

import (
	"fmt"
)

// reconcile looks at keys that depend on each other. Where both were set and
// contradict each other it says which; where one of them is a default, the
// default gives way, for nobody should have to set segment_bytes because they
// made the journal small. What gave way is returned in words, for the log.
func reconcile(settings []*setting, cfg *Config) (adjusted []string, errs []error) {
	r := reconciler{byKey: map[string]*setting{}}
	for _, s := range settings {
		r.byKey[s.key] = s
	}
	atMost(&r, "database.min_connections", &cfg.Database.MinConnections, "database.max_connections", &cfg.Database.MaxConnections, 1)
	atMost(&r, "journal.segment_bytes", &cfg.Journal.SegmentBytes, "journal.max_bytes", &cfg.Journal.MaxBytes, 4)
	atMost(&r, "webhook.max_request_size", &cfg.Webhook.MaxRequestSize, "pipeline.in_flight_max_bytes", &cfg.Pipeline.InFlightMaxBytes, 1)
	return r.adjusted, r.errs
}

type reconciler struct {
	byKey    map[string]*setting
	adjusted []string
	errs     []error
}

// atMost wants small to be no larger than large. A default small becomes a
// parts-th of large; a default large becomes small.
func atMost[T int | int64](r *reconciler, smallKey string, small *T, largeKey string, large *T, parts T) {
	if *small <= *large {
		return
	}
	s, l := r.byKey[smallKey], r.byKey[largeKey]
	switch {
	case s.source == "":
		*small = max(*large/parts, 1)
		r.adjusted = append(r.adjusted, fmt.Sprintf("%s is %s because %s is %s", smallKey, r.show(*small), largeKey, r.show(*large)))
	case l.source == "":
		*large = *small
		r.adjusted = append(r.adjusted, fmt.Sprintf("%s is %s because %s is %s", largeKey, r.show(*large), smallKey, r.show(*small)))
	default:
		r.errs = append(r.errs, fmt.Errorf("%s: %s%s is more than %s: %s%s; want at most that",
			smallKey, r.show(*small), from(s.source), largeKey, r.show(*large), from(l.source)))
	}
}

func (r *reconciler) show(v any) string {
	if size, ok := v.(int64); ok {
		return formatSize(size)
	}
	return fmt.Sprint(v)
}
