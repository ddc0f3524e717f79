package server

import (
	"fmt"
	"time"
)

// Config is what the operator decides about HTTP.
type Config struct {
	// Listen are the addresses to listen on, host:port; port 0 takes a free
	// one and logs it. Default :9567.
	Listen []string

	// ReadTimeout is how long the header of a request may take, from its first
	// byte. Then the connection is answered with 503 and closed. Default 30s.
	ReadTimeout time.Duration
	// WriteTimeout is how long the client may take to accept an answer, or one
	// chunk of a streamed one. Then the connection is closed. Default 30s.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may rest between requests, and
	// before its first one. Default 10m: Alertmanager closes its idle
	// connections after 5m, and a server that is quicker makes sends fail.
	IdleTimeout time.Duration
	// MaxConnections bounds the open connections of all listeners. One more is
	// answered with 503 and closed. Default 16384.
	MaxConnections int

	// MaxRequestSize bounds a body, in bytes, as it is sent and as it comes out
	// of its Content-Encoding. A larger one is answered with 413. Default 32 MiB.
	MaxRequestSize int
	// RequestTimeout is how long a body may take to arrive and to find room,
	// from the end of the header. Then 503. Default 8s: Alertmanager gives up
	// at 10s.
	RequestTimeout time.Duration
	// InFlightMaxBytes bounds the memory of all bodies that are being worked
	// on. A request that finds none free within RequestTimeout gets 503.
	// Default 256 MiB.
	InFlightMaxBytes int64

	// SharedSockets says that somebody else holds the listening sockets open, as
	// systemd does: who connects while we close waits in them for the next
	// process, and need not be told to try again. Default false.
	SharedSockets bool

	// BearerTokenFile has a token a line, each of which lets a request in.
	// Default none. This and all below but Pprof can be changed by Reload.
	BearerTokenFile string
	// HMACSecretFile has a secret a line, with each of which a body may be
	// signed as Grafana does, to let it in where alerts are taken. Default none.
	HMACSecretFile string
	// WebConfigFile is in the format of Prometheus' exporter-toolkit: TLS,
	// users, headers, a rate limit. Default none.
	WebConfigFile string
	// RequestsPerSecond are let in, and Burst at once; the others are answered
	// with 503. Default 0: all. A burst of 0 is what comes in a second.
	RequestsPerSecond float64
	Burst             int
	// LimitPerClient gives each client address as much. Default false: they
	// share it.
	LimitPerClient bool
	// AccessLog writes a line for each request, up to some number in a second
	// and a sample from there on. Default false.
	AccessLog bool

	restAfter, lastRequest time.Duration // 0: the constants; tests are in more of a hurry
	groupsHeld             int           // likewise, and have less

	// EpisodesOff says that nobody folds events into episodes: a store that has none is
	// not asked for them, for its empty answer would not be true. Default false.
	EpisodesOff bool

	// Pprof serves Go's profiles below /debug/pprof/. Default false: a profile
	// costs time, and says much about the machine.
	Pprof bool
}

// DefaultConfig returns the defaults of the contract.
func DefaultConfig() Config {
	return Config{
		Listen:           []string{":9567"},
		ReadTimeout:      30 * time.Second,
		WriteTimeout:     30 * time.Second,
		IdleTimeout:      10 * time.Minute,
		MaxConnections:   16384,
		MaxRequestSize:   32 << 20,
		RequestTimeout:   8 * time.Second,
		InFlightMaxBytes: 256 << 20,
	}
}

// Validate names the first key whose value cannot work.
func (c *Config) Validate() error {
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"server.read_timeout", c.ReadTimeout},
		{"server.write_timeout", c.WriteTimeout},
		{"server.idle_timeout", c.IdleTimeout},
		{"webhook.request_timeout", c.RequestTimeout},
	} {
		if d.value <= 0 {
			return fmt.Errorf("%s is %v, must be more than 0", d.key, d.value)
		}
	}
	switch {
	case c.MaxConnections < 1:
		return fmt.Errorf("server.max_connections is %d, must be at least 1", c.MaxConnections)
	case c.MaxRequestSize < 1 || c.MaxRequestSize > 1<<30:
		return fmt.Errorf("webhook.max_request_size is %d, must be from 1 byte to 1 GiB", c.MaxRequestSize)
	case c.InFlightMaxBytes < c.roomForOne():
		return fmt.Errorf("pipeline.in_flight_max_bytes is %d, must be at least %d to hold one body of webhook.max_request_size",
			c.InFlightMaxBytes, c.roomForOne())
	}
	return c.validateGuard()
}
