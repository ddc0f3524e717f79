package wrk

import (
	"strings"
	"testing"
	"time"
)

// As wrk 4.1.0 of Debian prints it.
const good = `Running 2s test @ http://127.0.0.1:19777/webhook/bench
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    15.16ms   42.94ms 245.53ms   92.23%
    Req/Sec    15.39k     5.90k   21.02k    84.21%
  Latency Distribution
     50%  640.00us
     75%    3.24ms
     90%   15.33ms
     99%    1.02s 
  29535 requests in 2.09s, 3.94MB read
Requests/sec:  14116.00
Transfer/sec:      1.88MB
`

const bad = `Running 1s test @ http://127.0.0.1:19777/webhook/bench
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.00us    0.00us   0.00us    -nan%
    Req/Sec     0.00      0.00     0.00      -nan%
  Latency Distribution
     50%    0.00us
     75%    0.00us
     90%    0.00us
     99%    0.00us
  12 requests in 1.10m, 2.1KB read
  Socket errors: connect 64, read 3, write 2, timeout 1
  Non-2xx or 3xx responses: 7
Requests/sec:      0.18
Transfer/sec:      0.00B
`

func TestParse(t *testing.T) {
	t.Parallel()
	f := func(out string, want Result, failures string) {
		t.Helper()
		got, err := Parse(out)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		if s := got.Failures(); !strings.Contains(s, failures) || s == "" != (failures == "") {
			t.Errorf("failures: %q, want %q", s, failures)
		}
	}
	f(good, Result{
		Requests: 29535, Elapsed: 2090 * time.Millisecond, PerSecond: 14116,
		P50: 640 * time.Microsecond, P90: 15330 * time.Microsecond, P99: 1020 * time.Millisecond,
	}, "")
	f(bad, Result{
		Requests: 12, Elapsed: 66 * time.Second, PerSecond: 0.18,
		NotOK: 7, Connect: 64, Read: 3, Write: 2, Timeouts: 1,
	}, "7 answers")
}

// A run that wrk did not finish, or whose output has changed, is no result.
func TestParseRefusesWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	f := func(out string) {
		t.Helper()
		if r, err := Parse(out); err == nil {
			t.Errorf("got %+v", r)
		}
	}
	f("")
	f("unable to connect to 127.0.0.1:1 Connection refused\n")
	for _, without := range []string{"50%", "90%", "99%", "requests in", "Requests/sec"} {
		var rest strings.Builder
		for line := range strings.Lines(good) {
			if !strings.Contains(line, without) {
				rest.WriteString(line)
			}
		}
		f(rest.String())
	}
	f(strings.Replace(good, "29535", "many", 1))
	f(strings.Replace(good, "640.00us", "640.00", 1))
	f(strings.Replace(bad, "connect 64", "connect ?", 1))
}
