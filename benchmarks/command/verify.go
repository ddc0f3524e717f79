package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"stormdrain/benchmarks/load"
)

// Verified is what reading back has found. All numbers are of alerts.
type Verified struct {
	Acknowledged int `json:"acknowledged"`
	Missing      int `json:"missing"`
	Doubled      int `json:"doubled"`
	Altered      int `json:"altered"`
	Unexpected   int `json:"unexpected"` // with the run's receiver, and never sent

	// Unacknowledged are there although no 2xx came back for them, which is no mistake.
	Unacknowledged int `json:"unacknowledged_stored"`

	Behind   bool     `json:"behind,omitempty"` // the store had not caught up when the wait was over
	Examples []string `json:"examples,omitempty"`
}

// wrong says in one line what is; "" for nothing.
func (v *Verified) wrong() string {
	if v.Missing+v.Doubled+v.Altered+v.Unexpected == 0 {
		return ""
	}
	line := fmt.Sprintf("verify: of %d acknowledged alerts %d are missing, %d doubled, %d altered, and %d are there that nobody sent",
		v.Acknowledged, v.Missing, v.Doubled, v.Altered, v.Unexpected)
	if v.Behind {
		line += "; the store had not caught up, raise --verify-wait"
	}
	if len(v.Examples) > 0 {
		line += "; " + v.Examples[0]
	}
	return line
}

// examples are so many at most.
const mostExamples = 5

func (v *Verified) example(format string, args ...any) {
	if len(v.Examples) < mostExamples {
		v.Examples = append(v.Examples, fmt.Sprintf(format, args...))
	}
}

// verifier reads back what was acknowledged. What has to be there follows from
// the script, so it needs a bit for each alert and no more, however many there are.
type verifier struct {
	script load.Script
	target *target
	client *http.Client
	wait   time.Duration
	pause  time.Duration

	from string // by the server's clock; the run's events are not older
}

func newVerifier(c *command) *verifier {
	return &verifier{script: c.script, target: c.target, client: c.target.client(c.cfg.Timeout), wait: c.cfg.VerifyWait, pause: c.pause}
}

// event is an element of /api/v1/events.
type event struct {
	ID, Source, Receiver, Status, Fingerprint string
	StartsAt                                  time.Time
	EndsAt                                    *time.Time
	Labels, Annotations                       map[string]string
	GeneratorURL, GroupKey, ExternalURL       string
	GroupLabels                               map[string]string
	TruncatedAlerts                           uint64
	RequestID                                 string `json:"requestId"`
	Extra, DeliveryExtra                      map[string]any
}

// prepare finds out before the load whether anything can be read at all, and
// what time it is there.
func (v *verifier) prepare(ctx context.Context) error {
	answer, err := v.get(ctx, url.Values{"limit": {"1"}})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := readPage(answer.Body); err != nil {
		return fmt.Errorf("%s/api/v1/events is not stormdrain's: %w", v.target.api, err)
	}
	if now, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		v.from = now.Add(-time.Minute).Format(time.RFC3339)
	}
	return nil
}

// get returns an answer with the status 200, whose body is the caller's to close.
func (v *verifier) get(ctx context.Context, query url.Values) (*http.Response, error) {
	at := v.target.api + "/api/v1/events?" + query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	v.target.dress(r)
	answer, err := v.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w; is the server running there?", err) // names the URL
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		line, _ := io.ReadAll(io.LimitReader(answer.Body, 200)) // as much of it as there is
		return nil, fmt.Errorf("GET %s: %s %s; is stormdrain the --target, and --header what it asks for?", at, answer.Status, bytes.TrimSpace(line))
	}
	return answer, nil
}

// of asks for all events of a script.
func (v *verifier) of(s *load.Script) url.Values {
	query := url.Values{"receiver": {s.Receiver()}, "source": {v.target.source}}
	if v.from != "" {
		query.Set("from", v.from)
	}
	return query
}

// verify compares everything that can be read with outcomes. Where something is
// missing it looks again as long as more appears.
func (v *verifier) verify(ctx context.Context, outcomes []load.Outcome) (*Verified, error) {
	behind, err := v.waitUntilStored(ctx)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(v.wait)
	for before := -1; ; {
		found, err := v.readAll(ctx, outcomes)
		if err != nil {
			return nil, err
		}
		found.Behind = behind
		if found.Missing == 0 || found.Missing == before || time.Now().After(deadline) {
			return found, nil
		}
		before = found.Missing
		if err := sleep(ctx, v.pause); err != nil {
			return nil, err
		}
	}
}

// waitUntilStored sends one more delivery, with a receiver of its own, and waits
// until it can be read: then everything that was acknowledged before it is stored.
func (v *verifier) waitUntilStored(ctx context.Context) (behind bool, err error) {
	last := load.Script{Run: v.script.Run + "end", Alerts: 1, Distinct: 1, Epoch: v.script.Epoch}
	body := last.Body(0)
	deadline := time.Now().Add(v.wait)
	for posted := false; ; {
		if !posted {
			posted = v.post(ctx, body)
		}
		if posted && v.any(ctx, &last) {
			return false, nil
		}
		if time.Now().After(deadline) {
			return true, nil
		}
		if err := sleep(ctx, v.pause); err != nil {
			return false, err
		}
	}
}

func (v *verifier) post(ctx context.Context, body []byte) (acknowledged bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.target.post, bytes.NewReader(body))
	if err != nil {
		return false
	}
	v.target.dress(r)
	r.Header.Set("Content-Type", "application/json")
	answer, err := v.client.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode/100 == 2
}

func (v *verifier) any(ctx context.Context, s *load.Script) bool {
	query := v.of(s)
	query.Set("limit", "1")
	answer, err := v.get(ctx, query)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	events, err := readPage(answer.Body)
	return err == nil && len(events) > 0
}

func readPage(r io.Reader) ([]json.RawMessage, error) {
	var page struct{ Events []json.RawMessage }
	if err := json.NewDecoder(r).Decode(&page); err != nil {
		return nil, err
	}
	if page.Events == nil {
		return nil, errors.New("an answer without events")
	}
	return page.Events, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// longestLine is more than any event of ours has.
const longestLine = 1 << 20

// readAll reads the run's events once.
func (v *verifier) readAll(ctx context.Context, outcomes []load.Outcome) (*Verified, error) {
	query := v.of(&v.script)
	query.Set("format", "ndjson")
	answer, err := v.get(ctx, query)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	c := newChecker(&v.script, v.target.source, outcomes)
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(make([]byte, 64<<10), longestLine)
	n := 0
	for ; lines.Scan(); n++ {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("event %d of the answer: %w", n+1, err)
		}
		c.check(&e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the answer breaks off after %d events: %w", n, err)
	}
	return c.finish(), nil
}

// checker takes events, in any order, and knows at the end what is wrong.
type checker struct {
	script   *load.Script
	source   string
	delivery load.Delivery
	outcomes []load.Outcome
	found    Verified

	seen []uint64 // a bit for each alert
}

func newChecker(s *load.Script, source string, outcomes []load.Outcome) *checker {
	return &checker{script: s, source: source, delivery: s.Delivery(), outcomes: outcomes, seen: make([]uint64, (len(outcomes)*s.Alerts+63)/64)}
}

func (c *checker) bit(n, i int) (word *uint64, mask uint64) {
	at := n*c.script.Alerts + i
	return &c.seen[at/64], 1 << (at % 64)
}

func (c *checker) has(n, i int) bool {
	word, mask := c.bit(n, i)
	return *word&mask != 0
}

// check takes one event.
func (c *checker) check(e *event) {
	n, ok := c.script.NumberOf(e.RequestID)
	if !ok || n >= len(c.outcomes) || c.outcomes[n] == load.Unsent {
		c.found.Unexpected++
		c.found.example("event %s of request %q was never sent", e.ID, e.RequestID)
		return
	}
	i, different := c.find(n, e)
	switch {
	case i < 0:
		c.found.Altered++
		c.found.example("event %s of request %s: its labels %v are those of no alert that was sent", e.ID, e.RequestID, e.Labels)
		return
	case c.has(n, i):
		c.found.Doubled++
		c.found.example("event %s is alert %d of request %s once more", e.ID, i, e.RequestID)
		return
	case different != "":
		c.found.Altered++
		c.found.example("event %s, alert %d of request %s: %s", e.ID, i, e.RequestID, different)
	}
	word, mask := c.bit(n, i)
	*word |= mask
	if c.outcomes[n] != load.Acknowledged {
		c.found.Unacknowledged++
	}
}

// find returns which alert of request n the event is, and in what it differs
// from it. A request may hold a label set more than once: then the alert that
// fits best, and of these one that was not seen yet. -1: it is none of them.
func (c *checker) find(n int, e *event) (best int, different string) {
	set, ok := c.script.SetOf(e.Labels["pod"])
	best, worst := -1, 4
	for i := range c.script.Alerts {
		if ok && c.script.Set(n, i) != set {
			continue
		}
		want := c.script.Alert(n, i)
		if !ok && want.Fingerprint != e.Fingerprint {
			continue
		}
		text := c.difference(n, &want, e)
		badness := 0
		if text != "" {
			badness += 2
		}
		if c.has(n, i) {
			badness++
		}
		if badness < worst {
			best, different, worst = i, text, badness
		}
	}
	return best, different
}

// finish counts what is missing.
func (c *checker) finish() *Verified {
	for n, o := range c.outcomes {
		if o != load.Acknowledged {
			continue
		}
		c.found.Acknowledged += c.script.Alerts
		for i := range c.script.Alerts {
			if !c.has(n, i) {
				c.found.Missing++
				c.found.example("alert %d of request %s is missing, pod %s", i, c.script.RequestID(n), c.script.Alert(n, i).Labels["pod"])
			}
		}
	}
	return &c.found
}

// difference names the first field in which an event is not what request n said.
func (c *checker) difference(n int, want *load.Alert, e *event) string {
	ends := ""
	if !want.EndsAt.IsZero() {
		ends = want.EndsAt.Format(time.RFC3339Nano)
	}
	gotEnds := ""
	if e.EndsAt != nil {
		gotEnds = e.EndsAt.UTC().Format(time.RFC3339Nano)
	}
	reason, _ := e.DeliveryExtra["notification_reason"].(string)
	for _, field := range []struct{ name, want, got string }{
		{"status", want.Status, e.Status},
		{"startsAt", want.StartsAt.Format(time.RFC3339Nano), e.StartsAt.UTC().Format(time.RFC3339Nano)},
		{"endsAt", ends, gotEnds},
		{"fingerprint", want.Fingerprint, e.Fingerprint},
		{"generatorURL", want.GeneratorURL, e.GeneratorURL},
		{"source", c.source, e.Source},
		{"receiver", c.delivery.Receiver, e.Receiver},
		{"groupKey", c.delivery.GroupKey, e.GroupKey},
		{"externalURL", c.delivery.ExternalURL, e.ExternalURL},
		{"truncatedAlerts", strconv.FormatUint(c.script.Truncated(n), 10), strconv.FormatUint(e.TruncatedAlerts, 10)},
		{"deliveryExtra.notification_reason", c.delivery.NotificationReason, reason},
	} {
		if field.want != field.got {
			return fmt.Sprintf("%s is %q and was %q", field.name, field.got, field.want)
		}
	}
	for _, field := range []struct {
		name      string
		want, got map[string]string
	}{{"labels", want.Labels, e.Labels}, {"annotations", want.Annotations, e.Annotations}, {"groupLabels", c.delivery.GroupLabels, e.GroupLabels}} {
		if text := differentPairs(field.want, field.got); text != "" {
			return field.name + text
		}
	}
	if len(e.Extra) > 0 {
		return fmt.Sprintf("extra is %v and was empty", e.Extra)
	}
	return ""
}

func differentPairs(want, got map[string]string) string {
	for name, value := range want {
		if now, ok := got[name]; !ok {
			return fmt.Sprintf(".%s is gone and was %q", name, value)
		} else if now != value {
			return fmt.Sprintf(".%s is %q and was %q", name, now, value)
		}
	}
	for name, value := range got {
		if _, ok := want[name]; !ok {
			return fmt.Sprintf(".%s is %q and was not there", name, value)
		}
	}
	return ""
}
