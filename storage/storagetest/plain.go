package storagetest

import (
	"fmt"

	"stormdrain/internal/alert"
)

// event is an alert.Stored without pointers, for comparing.
type event struct {
	stored   alert.Stored
	labels   alert.LabelSet
	details  alert.Details
	envelope alert.Envelope
}

func plain(s *alert.Stored) event {
	e := event{stored: *s, labels: *s.Labels, details: *s.Details, envelope: *s.Envelope}
	e.stored.Labels, e.stored.Details, e.stored.Envelope = nil, nil, nil
	for _, pairs := range []*[]alert.Pair{&e.labels.Labels, &e.details.Annotations, &e.envelope.GroupLabels} {
		if len(*pairs) == 0 {
			*pairs = nil
		}
	}
	for _, extra := range []*[]byte{&e.details.Extra, &e.envelope.Extra} {
		if len(*extra) == 0 {
			*extra = nil
		}
	}
	return e
}

func shorten(e event) string {
	const most = 3000
	s := fmt.Sprintf("%+q", fmt.Sprintf("%+v", e))
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
