package server

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"

	"stormdrain/server/auth"
	"stormdrain/server/limit"
	"stormdrain/server/webconfig"
)

// guard is what stands before the handlers and can change while the server
// runs. A guard is never changed itself: Reload puts another in its place.
// What is nil is off, and not in the chain.
type guard struct {
	limit     func(netip.Addr) bool
	limitLine string // what a sender is told
	bearer    *auth.Bearer
	signature *auth.Signature
	users     *auth.Users
	challenge []string // for WWW-Authenticate
	headers   []webconfig.Header
	tls       *webconfig.TLS
	access    bool
}

// newGuard reads every file that cfg names. An error is one line that begins
// with the key.
func newGuard(cfg *Config) (*guard, error) {
	g := &guard{access: cfg.AccessLog}
	var err error
	if path := cfg.BearerTokenFile; path != "" {
		if g.bearer, err = auth.ReadBearer(path); err != nil {
			return nil, fmt.Errorf("auth.bearer_token_file: %w", err)
		}
		g.challenge = append(g.challenge, `Bearer realm="stormdrain"`)
	}
	var web webconfig.Config
	if path := cfg.WebConfigFile; path != "" {
		loaded, err := webconfig.Load(path)
		if err != nil {
			return nil, fmt.Errorf("web.config.file: %w", err)
		}
		web = *loaded
	}
	if g.users, g.headers, g.tls = web.Users, web.Headers, web.TLS; g.users != nil {
		g.challenge = append(g.challenge, `Basic realm="stormdrain", charset="UTF-8"`)
	}
	if path := cfg.HMACSecretFile; path != "" {
		if g.signature, err = auth.ReadSignature(path); err != nil {
			return nil, fmt.Errorf("auth.hmac_secret_file: %w", err)
		}
		g.challenge = append(g.challenge, `HMAC-SHA256 realm="stormdrain", header="`+auth.HeaderSignature+`"`)
	}
	if err := g.setLimit(cfg, web.PerSecond, web.Burst); err != nil {
		return nil, err
	}
	return g, nil
}

// setLimit takes the limit of either file.
func (g *guard) setLimit(cfg *Config, perSecond float64, burst int) error {
	key, perClient := "rate_limit.interval in web.config.file", false
	if cfg.RequestsPerSecond > 0 {
		if perSecond > 0 {
			return errors.New("rate_limit.requests_per_second is set, and so is rate_limit in web.config.file; remove one of them")
		}
		key, perSecond, burst, perClient = "rate_limit.requests_per_second", cfg.RequestsPerSecond, cfg.Burst, cfg.LimitPerClient
	}
	if perSecond <= 0 {
		return nil
	}
	whose := ""
	if perClient {
		g.limit, whose = limit.NewClients(perSecond, burst).Allow, " for each client"
	} else {
		one := limit.New(perSecond, burst)
		g.limit = func(netip.Addr) bool { return one.Allow() }
	}
	g.limitLine = fmt.Sprintf("more requests than %s allows, %.4g a second%s; try again, or raise it", key, perSecond, whose)
	return nil
}

// asks reports whether credentials are asked for.
func (g *guard) asks() bool { return len(g.challenge) > 0 }

// Reload reads again what can change while the server runs: the tokens, the
// secrets, the web configuration with its certificates, users and headers, the
// rate limit and the access log, and uses all of it from the next request on.
// Other settings of cfg are not looked at. After an error everything is as it was.
func (s *Server) Reload(cfg Config) error {
	if err := cfg.validateGuard(); err != nil {
		return err
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	g, err := newGuard(&cfg)
	if err != nil {
		return err
	}
	before := s.guard.Swap(g)
	h := s.routes()
	s.handler.Store(&h)
	if before.tls != nil || g.tls != nil {
		s.conns.retire()
	}
	s.streams.endAll()
	s.warnOfGuard(g)
	return nil
}

// warnOfGuard says what works and is unlikely to be meant.
func (s *Server) warnOfGuard(g *guard) {
	if g.signature != nil && g.bearer == nil && g.users == nil {
		s.Log.Warn().Msg("auth.hmac_secret_file is the only way to authenticate, and it is for alerts: nothing but /-/healthy and /-/ready can be read; " +
			"set auth.bearer_token_file as well")
	}
	if g.tls == nil && (g.bearer != nil || g.users != nil) {
		s.Log.Warn().Msg("credentials are asked for and would cross the network in the clear; " +
			"set tls_server_config in web.config.file, unless a proxy in front has TLS")
	}
}

// serveHTTP is the way of every request: to the handlers as they are now.
func (s *Server) serveHTTP(ctx *fasthttp.RequestCtx) { (*s.handler.Load())(ctx) }

// validateGuard names the first key of those that Reload takes whose value
// cannot work.
func (c *Config) validateGuard() error {
	switch {
	case c.RequestsPerSecond < 0:
		return fmt.Errorf("rate_limit.requests_per_second is %v, must not be less than 0", c.RequestsPerSecond)
	case c.Burst < 0:
		return fmt.Errorf("rate_limit.burst is %d, must not be less than 0", c.Burst)
	}
	return nil
}

// howTo says in Alertmanager's words what it has to send.
func (g *guard) howTo() string {
	var ways []string
	if g.bearer != nil {
		ways = append(ways, "http_config.authorization.credentials_file")
	}
	if g.users != nil {
		ways = append(ways, "http_config.basic_auth")
	}
	if g.signature != nil {
		ways = append(ways, "an HMAC signature, in Grafana's contact point")
	}
	return strings.Join(ways, " or ")
}
