// Package webconfig reads the file behind --web.config.file, in the format that
// Prometheus, its exporters and Alertmanager share: TLS, client certificates,
// users, response headers, a rate limit. What that format's documentation says is
// what is done here, but that HTTP/2 is never offered, for we do not speak it.
package webconfig

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"stormdrain/internal/nearest"
	"stormdrain/server/auth"
)

// Config is what the file asks for.
type Config struct {
	TLS       *TLS        // nil: plain HTTP
	Users     *auth.Users // nil: none
	Headers   []Header    // for every answer
	PerSecond float64     // requests let in each second; 0: no limit
	Burst     int         // requests let in at once
}

// Header is one of the few that the format allows.
type Header struct{ Name, Value string }

// file is the YAML tree.
type file struct {
	TLS       tlsSection        `yaml:"tls_server_config"`
	HTTP      httpSection       `yaml:"http_server_config"`
	RateLimit rateLimitSection  `yaml:"rate_limit"`
	Users     map[string]string `yaml:"basic_auth_users"`
}

type httpSection struct {
	HTTP2   *bool             `yaml:"http2"` // accepted, and without effect
	Headers map[string]string `yaml:"headers"`
}

type rateLimitSection struct {
	Interval string `yaml:"interval"` // a duration, or 0 without a unit
	Burst    int    `yaml:"burst"`
}

// Load reads the file and every file it names. An error is one line that begins
// with the path.
func Load(path string) (*Config, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parse(content, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// parse takes paths in the file as relative to dir.
func parse(content []byte, dir string) (*Config, error) {
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, readable(err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document; keep the first")
	}
	var c Config
	var err error
	if c.Headers, err = f.HTTP.headers(); err != nil {
		return nil, fmt.Errorf("http_server_config: %w", err)
	}
	if c.PerSecond, c.Burst, err = f.RateLimit.limit(); err != nil {
		return nil, fmt.Errorf("rate_limit: %w", err)
	}
	if len(f.Users) > 0 {
		if c.Users, err = auth.NewUsers(f.Users); err != nil {
			return nil, fmt.Errorf("basic_auth_users: %w", err)
		}
	}
	if c.TLS, err = newTLS(f.TLS, dir); err != nil {
		return nil, fmt.Errorf("tls_server_config: %w", err)
	}
	return &c, nil
}

// readable makes one line of what the YAML library says, in words of the file
// and not of our types.
func readable(err error) error {
	var several *yaml.TypeError
	if !errors.As(err, &several) {
		return errors.New(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " "))
	}
	unknown := regexp.MustCompile(`field (\S+) not found in type (\S+)`)
	quoted := regexp.MustCompile(`cannot unmarshal !!(\S+) .*into .*`) // it may quote a secret
	lines := make([]string, len(several.Errors))
	for i, line := range several.Errors {
		if m := unknown.FindStringSubmatch(line); m != nil {
			line = strings.Replace(line, m[0], "unknown key "+m[1]+didYouMean(m[1], m[2]), 1)
		}
		line = quoted.ReplaceAllString(line, "a value of the wrong kind ($1)")
		lines[i] = strings.ReplaceAll(line, "\n", " ")
	}
	return errors.New(strings.Join(lines, "; "))
}

// didYouMean finds the key of a section, which has this type, that is meant by a name.
func didYouMean(name, section string) string {
	for _, t := range []reflect.Type{reflect.TypeFor[file](), reflect.TypeFor[tlsSection](), reflect.TypeFor[httpSection](), reflect.TypeFor[rateLimitSection]()} {
		if t.String() != section {
			continue
		}
		var keys []string
		for i := range t.NumField() {
			keys = append(keys, t.Field(i).Tag.Get("yaml"))
		}
		return nearest.Hint(name, keys)
	}
	return ""
}

// allowedHeaders are those of the format, in its order, with the values that
// each may have; none: any.
var allowedHeaders = []struct {
	name   string
	values []string
}{
	{"Content-Security-Policy", nil},
	{"X-Frame-Options", []string{"deny", "sameorigin"}},
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"X-XSS-Protection", nil},
	{"Strict-Transport-Security", nil},
}

// headers leaves out those that are blank.
func (s *httpSection) headers() ([]Header, error) {
	var found []Header
	known := 0
	for _, h := range allowedHeaders {
		value, ok := s.Headers[h.name]
		if !ok {
			continue
		}
		known++
		switch {
		case value == "":
		case strings.ContainsAny(value, "\r\n"):
			return nil, fmt.Errorf("the header %s has more than one line; write it as one", h.name)
		case h.values != nil && !slices.Contains(h.values, value):
			return nil, fmt.Errorf("the header %s cannot be %q; want %s", h.name, value, strings.Join(h.values, " or "))
		default:
			found = append(found, Header{h.name, value})
		}
	}
	if known < len(s.Headers) {
		return nil, fmt.Errorf("the header %q cannot be set; want one of %s", s.unknownHeader(), headerNames())
	}
	return found, nil
}

func (s *httpSection) unknownHeader() (first string) {
	names := strings.Split(headerNames(), ", ")
	for name := range s.Headers {
		if !slices.Contains(names, name) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

func headerNames() string {
	names := make([]string, len(allowedHeaders))
	for i, h := range allowedHeaders {
		names[i] = h.name
	}
	return strings.Join(names, ", ")
}

// limit returns requests a second. The format counts the time between two.
func (s *rateLimitSection) limit() (perSecond float64, burst int, err error) {
	interval, err := time.ParseDuration(cmp.Or(s.Interval, "0"))
	switch {
	case err != nil || interval < 0:
		return 0, 0, fmt.Errorf("interval is %q; want a duration such as 10ms, or 0 for no limit", s.Interval)
	case interval == 0:
		return 0, 0, nil
	case s.Burst < 1:
		return 0, 0, fmt.Errorf("burst is %d, with which no request would ever be let in; want at least 1", s.Burst)
	}
	return float64(time.Second) / float64(interval), s.Burst, nil
}
