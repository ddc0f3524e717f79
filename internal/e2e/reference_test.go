package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"testing"
	"time"
)

// reference decodes a webhook body with encoding/json and returns the events
// that it must become, but for the elements that cannot be stored. It is the
// slow, plain reading that the program's own is compared with.
func reference(t testing.TB, body []byte, source, requestID string, unstorable ...int) (events []*event) {
	t.Helper()
	fail := func(what string, err error) {
		if err != nil {
			t.Fatalf("reference reading of %s, %s: %v", requestID, what, err)
		}
	}
	message := make(map[string]json.RawMessage)
	fail("message", json.Unmarshal(body, &message))
	delivery := event{Source: source, RequestID: requestID}
	fail("receiver", take(message, "receiver", &delivery.Receiver))
	fail("groupKey", take(message, "groupKey", &delivery.GroupKey))
	fail("groupLabels", take(message, "groupLabels", &delivery.GroupLabels))
	fail("externalURL", take(message, "externalURL", &delivery.ExternalURL))
	fail("truncatedAlerts", take(message, "truncatedAlerts", &delivery.TruncatedAlerts))
	var alerts []json.RawMessage
	fail("alerts", take(message, "alerts", &alerts))
	for _, derived := range []string{"version", "status", "commonLabels", "commonAnnotations"} {
		delete(message, derived)
	}
	extra, err := rest(message)
	fail("delivery extra", err)
	delivery.DeliveryExtra = extra
	for i, raw := range alerts {
		if slices.Contains(unstorable, i) {
			continue
		}
		e := delivery
		fail(fmt.Sprintf("alert %d", i), readAlert(raw, &e))
		events = append(events, &e)
	}
	return events
}

// readAlert fills in what belongs to one alert. An alert that fires has no end.
func readAlert(raw []byte, e *event) (err error) {
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	var startsAt, endsAt time.Time
	for name, to := range map[string]any{"status": &e.Status, "labels": &e.Labels, "annotations": &e.Annotations,
		"generatorURL": &e.GeneratorURL, "fingerprint": &e.Fingerprint, "startsAt": &startsAt, "endsAt": &endsAt} {
		if err := take(fields, name, to); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if e.Fingerprint == "" {
		e.Fingerprint = fingerprint(e.Labels)
	}
	e.StartsAt = startsAt.UTC().Format(time.RFC3339Nano)
	if e.Status != "firing" && !endsAt.IsZero() {
		s := endsAt.UTC().Format(time.RFC3339Nano)
		e.EndsAt = &s
	}
	e.Extra, err = rest(fields)
	return err
}

// take decodes a field, if it is there, and removes it.
func take(fields map[string]json.RawMessage, name string, to any) error {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	delete(fields, name)
	return json.Unmarshal(raw, to)
}

// rest decodes what is left of an object, numbers as they are spelled.
func rest(fields map[string]json.RawMessage) (map[string]any, error) {
	out := make(map[string]any)
	for name, raw := range fields {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

// fingerprint is Alertmanager's, written down a second time on purpose.
func fingerprint(labels map[string]string) string {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		io.WriteString(h, name+"\xff"+labels[name]+"\xff")
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
