package e2e

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
)

// event is one element of /api/v1/events.
type event struct {
	ID              string            `json:"id"`
	ReceivedAt      string            `json:"receivedAt"`
	Source          string            `json:"source"`
	Receiver        string            `json:"receiver"`
	Status          string            `json:"status"`
	Fingerprint     string            `json:"fingerprint"`
	StartsAt        string            `json:"startsAt"`
	EndsAt          *string           `json:"endsAt"`
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
	GeneratorURL    string            `json:"generatorURL"`
	GroupKey        string            `json:"groupKey"`
	GroupLabels     map[string]string `json:"groupLabels"`
	ExternalURL     string            `json:"externalURL"`
	TruncatedAlerts uint64            `json:"truncatedAlerts"`
	RequestID       string            `json:"requestId"`
	Extra           map[string]any    `json:"extra"`
	DeliveryExtra   map[string]any    `json:"deliveryExtra"`
}

// difference says in what got is not want, leaving out what the program itself
// makes: id and receivedAt. "" when they agree.
func difference(want, got *event) string {
	var out strings.Builder
	differ := func(field string, want, got any) {
		fmt.Fprintf(&out, "\n\t%s: got %.300q, want %.300q", field, fmt.Sprint(got), fmt.Sprint(want))
	}
	text := func(field, want, got string) {
		if want != got {
			differ(field, want, got)
		}
	}
	labels := func(field string, want, got map[string]string) {
		if !maps.Equal(want, got) {
			differ(field, want, got)
		}
	}
	extra := func(field string, want, got map[string]any) {
		if len(want)+len(got) > 0 && !reflect.DeepEqual(want, got) {
			differ(field, want, got)
		}
	}
	text("source", want.Source, got.Source)
	text("receiver", want.Receiver, got.Receiver)
	text("status", want.Status, got.Status)
	text("fingerprint", want.Fingerprint, got.Fingerprint)
	text("generatorURL", want.GeneratorURL, got.GeneratorURL)
	text("groupKey", want.GroupKey, got.GroupKey)
	text("externalURL", want.ExternalURL, got.ExternalURL)
	text("requestId", want.RequestID, got.RequestID)
	text("startsAt", instant(&want.StartsAt), instant(&got.StartsAt))
	text("endsAt", instant(want.EndsAt), instant(got.EndsAt))
	labels("labels", want.Labels, got.Labels)
	labels("annotations", want.Annotations, got.Annotations)
	labels("groupLabels", want.GroupLabels, got.GroupLabels)
	extra("extra", want.Extra, got.Extra)
	extra("deliveryExtra", want.DeliveryExtra, got.DeliveryExtra)
	if want.TruncatedAlerts != got.TruncatedAlerts {
		differ("truncatedAlerts", want.TruncatedAlerts, got.TruncatedAlerts)
	}
	return out.String()
}

// instant gives every spelling of one time in UTC the same form. What is no
// such time stays as it is, and so differs.
func instant(s *string) string {
	if s == nil {
		return "null"
	}
	t, err := time.Parse(time.RFC3339Nano, *s)
	if err != nil || !strings.HasSuffix(*s, "Z") {
		return *s
	}
	return t.Format(time.RFC3339Nano)
}

// compareDelivery checks the stored events of one delivery, which come newest
// first, against what was sent.
func compareDelivery(t testing.TB, name string, want, stored []*event) {
	t.Helper()
	if len(want) != len(stored) {
		t.Errorf("%s: %d events stored, want %d", name, len(stored), len(want))
		return
	}
	for i := range want {
		got := stored[len(stored)-1-i]
		if d := difference(want[i], got); d != "" {
			t.Errorf("%s, alert %d:%s", name, i, d)
			return
		}
	}
}

// byRequest groups events by the delivery they came with, keeping their order.
func byRequest(events []*event) map[string][]*event {
	groups := make(map[string][]*event)
	for _, e := range events {
		groups[e.RequestID] = append(groups[e.RequestID], e)
	}
	return groups
}
