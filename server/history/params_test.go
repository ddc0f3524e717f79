package history

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// Whatever is asked, the answer is a question with a range that makes sense or one
// line that names the parameter; and what is told of the range is JSON.
func TestOddQuestions(t *testing.T) {
	for _, query := range []string{
		"", "from=1h&to=2h", "at=0&open=true&by=x&sort=p95", "from=-1099511627776&to=1099511627776&step=1", "step=99999999999d", "step=1d&from=100000w",
		"at=1099511627776", "from=1099511627776", "to=-1099511627776", "limit=10000&prefix=%00", "by=%F0%9F%94%A5&filter=a%3D~%22(%22", "at=9999-12-31T23:59:59.999999999Z",
		"to=0000-01-01T00:00:00Z&step=60", "cursor=4QAAAAAAAAAAAAAAAAAAAAA", "format=csv&limit=2147483647", "at=%0a&at=%0a", "step=1000000000m",
	} {
		ask(t, query)
	}
}

// ask asks every page the same, and checks what holds for each answer.
func ask(t *testing.T, query string) {
	t.Helper()
	now := time.Unix(1_790_000_000, 999)
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	page := func(names []string, answer func(p *Params) ([]byte, *alert.EpisodeQuery, error)) {
		p := NewParams(now, names...)
		var err error
		for name, all := range values {
			for _, value := range all {
				if err == nil {
					err = p.Set(name, value)
				}
			}
		}
		var text []byte
		var q *alert.EpisodeQuery
		if err == nil {
			text, q, err = answer(p)
		}
		var wrong *events.ParamError
		switch {
		case err != nil && (!errors.As(err, &wrong) || strings.ContainsAny(err.Error(), "\r\n")):
			t.Errorf("%q: %q", query, err)
		case err == nil && text != nil && !json.Valid(text):
			t.Errorf("%q: %s", query, text)
		case err == nil && q != nil && q.From > q.To:
			t.Errorf("%q: from %d to %d", query, q.From, q.To)
		}
	}
	page(EpisodeNames(), func(p *Params) ([]byte, *alert.EpisodeQuery, error) {
		q, _, err := p.Episodes()
		return nil, q, err
	})
	page(StatsNames(), func(p *Params) ([]byte, *alert.EpisodeQuery, error) {
		q, _, err := p.Stats()
		if err != nil {
			return nil, nil, err
		}
		return q.AppendJSON(nil, nil, new(Group)), q.Episodes, nil
	})
	page(ReceivedNames(), func(p *Params) ([]byte, *alert.EpisodeQuery, error) {
		q, err := p.Received()
		if err != nil {
			return nil, nil, err
		}
		if q.Step < minute || q.Step%minute != 0 || q.From > q.To {
			t.Errorf("%q: %+v", query, q)
		}
		s := NewSeries(q.Step)
		s.Add("x", q.From, 1)
		s.Add("x", q.To, 1)
		return q.AppendJSON(nil, s), q.Episodes, nil
	})
	page(GapsNames(), func(p *Params) ([]byte, *alert.EpisodeQuery, error) {
		q, err := p.Gaps()
		if err == nil && (q.From > q.To || q.Limit < 1) {
			t.Errorf("%q: %+v", query, q)
		}
		return nil, nil, err
	})
}
