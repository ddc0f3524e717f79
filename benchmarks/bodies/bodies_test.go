package bodies

import (
	"encoding/json"
	"testing"
	"time"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	starts := time.Date(2026, 11, 23, 6, 0, 0, 7, time.UTC)
	alerts := []Alert{
		{Set: 0, Note: 5, Starts: starts},
		{Set: 1234567, Note: 5, Starts: starts, Ends: starts.Add(time.Minute)},
		{Set: 21, Starts: starts, Bad: true},
	}
	body := Append(nil, 7, alerts)
	var got struct {
		Status, GroupKey, Version string
		GroupLabels               map[string]string
		Alerts                    []struct {
			Status, Fingerprint string
			Labels              map[string]any
			Annotations         map[string]string
			StartsAt, EndsAt    time.Time
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	if got.Status != "firing" || got.Version != "4" || got.GroupLabels["shard"] != "0007" || got.GroupKey != `{}:{alertname="KubePodNotReady", shard="0007"}` || len(got.Alerts) != len(alerts) {
		t.Errorf("%+v", got)
	}
	for i, a := range got.Alerts {
		want := alerts[i]
		if !a.StartsAt.Equal(want.Starts) || !a.EndsAt.Equal(want.Ends) || (a.Status == "resolved") != !want.Ends.IsZero() ||
			a.Labels["namespace"] != Namespace(want.Set) || a.Labels["pod"] != Pod(want.Set) || a.Fingerprint != Fingerprint(want.Set) {
			t.Errorf("alert %d: %+v", i, a)
		}
		if _, text := a.Labels["severity"].(string); text == want.Bad {
			t.Errorf("alert %d: severity is %v", i, a.Labels["severity"])
		}
	}
	if Pod(1234567) != "api-5d6d2257-001234567" || Namespace(1234567) != "team-07" {
		t.Errorf("%s %s", Pod(1234567), Namespace(1234567))
	}
	if n := len(body) / len(alerts); n < 800 || n > 1300 {
		t.Errorf("%d bytes an alert", n)
	}
	resolved := Append(nil, 0, alerts[1:2])
	if err := json.Unmarshal(resolved, &got); err != nil || got.Status != "resolved" {
		t.Errorf("%v, %q", err, got.Status)
	}
}

func TestSetsDiffer(t *testing.T) {
	t.Parallel()
	pods, fingerprints := map[string]int{}, map[string]int{}
	for set := range 100_000 {
		pods[Pod(set)], fingerprints[Fingerprint(set)] = set, set
		if len(Fingerprint(set)) != 16 {
			t.Fatalf("fingerprint %q of set %d", Fingerprint(set), set)
		}
	}
	if len(pods) != 100_000 || len(fingerprints) != 100_000 {
		t.Errorf("%d pods, %d fingerprints", len(pods), len(fingerprints))
	}
}
