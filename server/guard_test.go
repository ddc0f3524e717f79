package server

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
	"golang.org/x/crypto/bcrypt"
)

// secretFile writes what is between the lines of a test into a file.
func secretFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startLogging is start with a log.
func startLogging(t testing.TB, cfg Config, f *fake) (*Server, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	parts := f.parts(nil)
	parts.Log = zerolog.New(log)
	return startWith(t, cfg, parts), log
}

func getPath(path, headers string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n"
}

func basic(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password)) + "\r\n"
}

func signed(secret, timestamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	header := ""
	if timestamp != "" {
		mac.Write([]byte(timestamp + ":"))
		header = "X-Grafana-Alerting-Timestamp: " + timestamp + "\r\n"
	}
	mac.Write([]byte(body))
	return "X-Grafana-Alerting-Signature: " + hex.EncodeToString(mac.Sum(nil)) + "\r\n" + header
}

func usersFile(t testing.TB) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("wonder"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return secretFile(t, "basic_auth_users: {alice: "+string(hash)+"}\n")
}

// TestOneCredentialSuffices goes through every way to be let in, and through
// what must not be one, with all mechanisms configured.
func TestOneCredentialSuffices(t *testing.T) {
	cfg := testConfig()
	cfg.BearerTokenFile = secretFile(t, "old-token\nnew-token\n")
	cfg.HMACSecretFile = secretFile(t, "old secret\nnew secret\n")
	cfg.WebConfigFile = usersFile(t)
	f := &fake{}
	s, log := startLogging(t, cfg, f)
	letIn := func(request string) {
		t.Helper()
		if got := raw(t, s, request); got.code != 200 {
			t.Errorf("%d %s", got.code, got.body)
		}
	}
	refused := func(request, line string) {
		t.Helper()
		taken := len(f.requests)
		got := raw(t, s, request)
		checkLine(t, got, 401, line)
		challenges := strings.Join(got.header.Values("Www-Authenticate"), "; ")
		for _, scheme := range []string{"Bearer ", "Basic ", "HMAC-SHA256 "} {
			if !strings.Contains(challenges, scheme) {
				t.Errorf("no %q in the challenge %q", scheme, challenges)
			}
		}
		if len(f.requests) != taken {
			t.Error("it was taken in all the same")
		}
	}
	for _, token := range []string{"Bearer old-token", "Bearer new-token", "bearer  new-token"} {
		letIn(getPath("/api/v1/events", "Authorization: "+token+"\r\n"))
		letIn(post("/webhook", "Authorization: "+token+"\r\n", "{}"))
	}
	letIn(getPath("/metrics", basic("alice", "wonder")))
	letIn(post("/webhook/x", basic("alice", "wonder"), "{}"))

	now := strconv.FormatInt(time.Now().Unix(), 10)
	long := strings.Repeat("x", 300_000)
	letIn(post("/webhook", signed("old secret", "", "{}"), "{}"))
	letIn(post("/webhook", signed("new secret", now, "{}"), "{}"))
	letIn(post("/webhook", signed("new secret", now, long), long))
	letIn(chunked("/webhook", signed("new secret", "", "{}"), "{", "}"))
	letIn(post("/webhook", signed("new secret", "", ""), ""))
	z := gzipped("{}") // what was sent is what was signed
	letIn(post("/webhook", "Content-Encoding: gzip\r\n"+signed("new secret", now, z), z))
	letIn(post("/webhook", "Authorization: Bearer new-token\r\n"+signed("wrong", "", "{}"), "{}"))

	refused(getPath("/api/v1/events", ""), "missing credentials; set http_config.authorization")
	refused(getPath("/", ""), "missing credentials")
	refused(getPath("/metrics", ""), "missing credentials")
	refused(getPath("/nowhere", ""), "missing credentials") // says nothing about what exists
	refused(post("/webhook", "", "{}"), "http_config.basic_auth")
	refused(post("/webhook", "", long), "missing credentials")
	refused(getPath("/metrics", "Authorization: Bearer wrong\r\n"), "wrong credentials")
	refused(getPath("/metrics", "Authorization: Bearer\r\n"), "wrong credentials")
	refused(getPath("/metrics", "Authorization: old-token\r\n"), "wrong credentials")
	refused(getPath("/metrics", "Authorization: Basic old-token\r\n"), "wrong credentials")
	refused(getPath("/metrics", basic("alice", "wander")), "wrong credentials")
	refused(getPath("/metrics", basic("bob", "wonder")), "wrong credentials")
	refused(getPath("/metrics?token=old-token", ""), "missing credentials")
	refused(post("/webhook", signed("wrong", "", "{}"), "{}"), "X-Grafana-Alerting-Signature")
	refused(post("/webhook", signed("new secret", "", "{}"), "[]"), "X-Grafana-Alerting-Signature")
	refused(post("/webhook", signed("new secret", "", ""), "[]"), "X-Grafana-Alerting-Signature")
	refused(post("/webhook", signed("new secret", "", "[]"), ""), "X-Grafana-Alerting-Signature")
	refused(post("/webhook", signed("new secret", "1700000000", "{}"), "{}"), "clock")
	refused(post("/webhook", "Content-Encoding: gzip\r\n"+signed("wrong", "", z), z), "X-Grafana-Alerting-Signature")
	refused(getPath("/metrics", signed("new secret", "", "")), "wrong credentials") // it reads nothing
	refused(strings.Replace(post("/webhook", signed("new secret", "", "{}"), "{}"), "POST", "PUT", 1), "wrong credentials")

	letIn(getPath("/-/healthy", ""))
	letIn(getPath("/-/ready", ""))
	if n := strings.Count(log.String(), "without valid credentials"); n != 1 {
		t.Errorf("%d lines in the log about all of it", n)
	}
	for _, secret := range []string{"old-token", "new-token", "secret", "wonder", "wander"} {
		if strings.Contains(log.String(), `"`+secret) || strings.Contains(log.String(), secret+`"`) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
}

// A signature is no reason to read more than the limit, or for longer.
func TestSignedBodiesAreBounded(t *testing.T) {
	cfg := testConfig()
	cfg.HMACSecretFile = secretFile(t, "secret")
	cfg.RequestTimeout = 100 * time.Millisecond
	s := start(t, cfg, &fake{})
	head := signed("secret", "", "")
	checkLine(t, raw(t, s, post("/webhook", head, strings.Repeat("x", 1<<20+1))), 413, "1048576")
	checkLine(t, raw(t, s, "POST /webhook HTTP/1.1\r\nHost: x\r\n"+head+"Content-Length: 10\r\n\r\n{"), 503, "try again")
	checkLine(t, raw(t, s, getPath("/metrics", "")), 401, "HMAC")
}

func TestPasswordsThatCannotBeCheckedInTime(t *testing.T) {
	cfg := testConfig()
	cfg.WebConfigFile = usersFile(t)
	cfg.RequestTimeout = 50 * time.Millisecond
	s := start(t, cfg, &fake{})
	hash, _ := bcrypt.GenerateFromPassword([]byte("x"), 10) // 50 ms and more
	slow := cfg
	slow.WebConfigFile = secretFile(t, "basic_auth_users: {bob: "+string(hash)+"}\n")
	if err := s.Reload(slow); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	codes := make(chan int, 16)
	for range cap(codes) {
		wg.Go(func() { codes <- raw(t, s, getPath("/metrics", basic("bob", "guess"))).code })
	}
	wg.Wait()
	close(codes)
	busy := 0
	for code := range codes {
		switch code {
		case 503:
			busy++
		case 401:
		default:
			t.Errorf("answer %d", code)
		}
	}
	if busy == 0 {
		t.Error("sixteen guesses were checked within the time of one")
	}
}

func TestRateLimit(t *testing.T) {
	cfg := testConfig()
	cfg.RequestsPerSecond, cfg.Burst = 0.001, 3
	f := &fake{}
	s, log := startLogging(t, cfg, f)
	for range 3 {
		if got := raw(t, s, post("/webhook", "", "{}")); got.code != 200 {
			t.Errorf("%d %s", got.code, got.body)
		}
	}
	for _, request := range []string{post("/webhook", "", "{}"), post("/webhook", "", strings.Repeat("x", 300_000)), getPath("/metrics", ""), getPath("/x", "")} {
		got := raw(t, s, request)
		checkLine(t, got, 503, "rate_limit.requests_per_second")
		if got.header.Get("X-Request-Id") == "" {
			t.Error("no request ID")
		}
	}
	for range 10 {
		if got := raw(t, s, getPath("/-/ready", "")); got.code != 200 {
			t.Errorf("a probe is refused: %d", got.code)
		}
	}
	if len(f.requests) != 3 || strings.Count(log.String(), "rate limit") != 1 {
		t.Errorf("%d taken in; log:\n%s", len(f.requests), log)
	}
	cfg.LimitPerClient = true
	if err := s.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	from := func(ip string) int {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		c, err := d.Dial("tcp", s.address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return rawOn(t, c, post("/webhook", "", "{}")).code
	}
	for i, ip := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"} {
		want := 200
		if i == 3 {
			want = 503
		}
		if got := from(ip); got != want {
			t.Errorf("%d, from %s: %d, want %d", i, ip, got, want)
		}
	}
	cfg.RequestsPerSecond, cfg.WebConfigFile = 0, secretFile(t, "rate_limit: {interval: 1h, burst: 1}")
	if err := s.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if first := raw(t, s, getPath("/", "")); first.code != 200 {
		t.Errorf("%d %s", first.code, first.body)
	}
	checkLine(t, raw(t, s, getPath("/", "")), 503, "rate_limit.interval in web.config.file")
}

// The rate limit comes before authentication: guessing is limited, too.
func TestOrderOfRefusals(t *testing.T) {
	cfg := testConfig()
	cfg.RequestsPerSecond, cfg.Burst = 0.001, 1
	cfg.BearerTokenFile = secretFile(t, "token")
	s := start(t, cfg, &fake{})
	checkLine(t, raw(t, s, post("/webhook", "", strings.Repeat("x", 1<<20+1))), 413, "1048576") // takes no token
	checkLine(t, raw(t, s, getPath("/x", "")), 401, "missing")
	checkLine(t, raw(t, s, getPath("/x", "")), 503, "rate_limit")
}

func TestReloadOfTheGuard(t *testing.T) {
	cfg := testConfig()
	f := &fake{}
	s := start(t, cfg, f)
	code := func(token string) int {
		t.Helper()
		return raw(t, s, getPath("/metrics", "Authorization: Bearer "+token+"\r\n")).code
	}
	expect := func(one, two int) {
		t.Helper()
		if a, b := code("one"), code("two"); a != one || b != two {
			t.Errorf("%d and %d, want %d and %d", a, b, one, two)
		}
	}
	expect(200, 200)
	cfg.BearerTokenFile = secretFile(t, "one")
	if err := s.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	expect(200, 401)
	if err := os.WriteFile(cfg.BearerTokenFile, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(200, 401)
	if err := s.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	expect(401, 200)
	bad := func(what string, change func(*Config)) {
		t.Helper()
		broken := cfg
		change(&broken)
		err := s.Reload(broken)
		if err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, what)
		}
		expect(401, 200)
	}
	bad("auth.bearer_token_file: ", func(c *Config) { c.BearerTokenFile = secretFile(t, "") })
	bad("auth.hmac_secret_file: ", func(c *Config) { c.HMACSecretFile = "none" })
	bad("web.config.file: ", func(c *Config) { c.WebConfigFile = secretFile(t, "nonsense") })
	bad("rate_limit.requests_per_second", func(c *Config) { c.RequestsPerSecond = -1 })
	bad("rate_limit.burst", func(c *Config) { c.Burst = -1 })
	bad("rate_limit in web.config.file", func(c *Config) {
		c.RequestsPerSecond, c.WebConfigFile = 1, secretFile(t, "rate_limit: {interval: 1s, burst: 1}")
	})
	if err := s.Reload(testConfig()); err != nil {
		t.Fatal(err)
	}
	expect(200, 200)
}

func TestBadGuardDoesNotOpen(t *testing.T) {
	cfg := testConfig()
	cfg.BearerTokenFile = filepath.Join(t.TempDir(), "none")
	f := &fake{}
	_, err := Open(cfg, f.parts(nil))
	if err == nil || !strings.HasPrefix(err.Error(), "auth.bearer_token_file: ") {
		t.Errorf("%v", err)
	}
}

// No request is lost or let in by half a configuration while it changes.
func TestReloadUnderLoad(t *testing.T) {
	cfg := testConfig()
	f := &fake{}
	s := start(t, cfg, f)
	withToken := cfg
	withToken.BearerTokenFile = secretFile(t, "token")
	withToken.RequestsPerSecond = 1e9
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			c, r := dial(t, s)
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := c.Write([]byte(post("/webhook", "Authorization: Bearer token\r\n", "{}"))); err != nil {
					t.Error(err)
					return
				}
				if got := read(r, "POST"); got.code != 200 {
					t.Errorf("%d %s %v", got.code, got.body, got.err)
					return
				}
			}
		})
	}
	for i := range 100 {
		next := cfg
		if i%2 == 0 {
			next = withToken
		}
		if err := s.Reload(next); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}

func TestHeadersOfTheWebConfig(t *testing.T) {
	cfg := testConfig()
	cfg.WebConfigFile = secretFile(t, "http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1}}\nbasic_auth_users: {}\n")
	s := start(t, cfg, &fake{ingest: nil})
	for _, request := range []string{getPath("/", ""), getPath("/nowhere", ""), post("/webhook", "", "{}"), post("/webhook", "", strings.Repeat("x", 1<<20+1))} {
		got := raw(t, s, request)
		if got.header.Get("X-Frame-Options") != "deny" || got.header.Get("Strict-Transport-Security") != "max-age=1" {
			t.Errorf("%d: %v", got.code, got.header)
		}
	}
}

// BenchmarkGuards shows that what is off costs nothing: "none" is as fast as "core",
// which is put together here from what every delivery passes and nothing else. Let
// them take turns, see docs/security.md.
func BenchmarkGuards(b *testing.B) {
	answer := func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(200) }
	core := func(s *Server) fasthttp.RequestHandler {
		return s.giveID(s.keepPace(s.measure("benchmark")(s.recoverPanic(s.checkProtocol(answer)))))
	}
	whole := func(s *Server) fasthttp.RequestHandler { return s.ingestChain("benchmark", answer) }
	run := func(name string, handler func(*Server) fasthttp.RequestHandler, change func(*Config)) {
		b.Run("on="+name, func(b *testing.B) {
			cfg := testConfig()
			change(&cfg)
			s := start(b, cfg, &fake{})
			h := handler(s)
			ctx := new(fasthttp.RequestCtx)
			ctx.Init2(&conn{Conn: pretended{}}, nil, false)
			ctx.Request.Header.Set("Authorization", "Bearer token")
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				h(ctx)
			}
			if ctx.Response.StatusCode() != 200 {
				b.Fatal(ctx.Response.StatusCode())
			}
		})
	}
	bench := func(name string, change func(*Config)) { run(name, whole, change) }
	run("core", core, func(*Config) {})
	bench("none", func(*Config) {})
	bench("limit", func(c *Config) { c.RequestsPerSecond = 1e9 })
	bench("limit-per-client", func(c *Config) { c.RequestsPerSecond, c.LimitPerClient = 1e9, true })
	bench("bearer", func(c *Config) { c.BearerTokenFile = secretFile(b, "other\ntoken") })
	bench("access", func(c *Config) { c.AccessLog = true })
}

// pretended is a connection that has an address, and nothing else.
type pretended struct{ net.Conn }

func (pretended) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }
