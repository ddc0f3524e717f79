package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"stormdrain/internal/clientflags"
	"stormdrain/internal/config"
)

// client asks one server.
type client struct {
	base   string // of the URL, without a slash at the end
	header http.Header
	http   http.Client
}

// connectTimeout bounds the wait for a connection; an answer may take its time.
const connectTimeout = 10 * time.Second

func newClient(cfg *config.Query) (*client, error) {
	header, err := headers(cfg)
	if err != nil {
		return nil, err
	}
	secure, err := clientflags.TLS(cfg.CAFile, cfg.CertFile, cfg.KeyFile, cfg.Insecure)
	if err != nil {
		return nil, err
	}
	base := strings.TrimRight(cfg.URL, "/")
	for _, page := range []string{"/-/ready", "/-/healthy"} { // STORMDRAIN_URL may be health's
		base = strings.TrimSuffix(base, page)
	}
	return &client{
		base: base, header: header,
		http: http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext,
				TLSClientConfig:     secure,
				TLSHandshakeTimeout: connectTimeout,
			},
			// A login page must not pass for an answer.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// unreachableError says that nobody answers, which may pass.
type unreachableError struct {
	url string
	err error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("%s cannot be reached: %v; is stormdrain running there? (--url says where to ask)", e.url, e.err)
}

func (e *unreachableError) Unwrap() error { return e.err }

// statusError is an answer other than 200.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// get returns the body of a 200, which the caller closes.
func (c *client) get(ctx context.Context, path string, parameters url.Values) (io.ReadCloser, http.Header, error) {
	target := c.base + path
	if len(parameters) > 0 {
		target += "?" + parameters.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("--url: %w", err)
	}
	request.Header = c.header.Clone()
	response, err := c.http.Do(request)
	if err != nil {
		var wrapped *url.Error // repeats the URL, which the matchers make long
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, nil, &unreachableError{c.base, err}
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, response.Header, nil
	}
	defer response.Body.Close()
	const most = 1 << 10 // our own answers are a line; others listen on ports, too
	body, _ := io.ReadAll(io.LimitReader(response.Body, most))
	return nil, nil, c.refused(response, strings.TrimSpace(string(body)))
}

func (c *client) refused(response *http.Response, line string) error {
	e := &statusError{code: response.StatusCode}
	switch e.code {
	case http.StatusBadRequest:
		e.text = line
	case http.StatusUnauthorized:
		e.text = fmt.Sprintf("%s wants credentials: %s (--bearer-token-file, or --user and --password-file)", c.base, line)
	case http.StatusNotFound:
		e.text = fmt.Sprintf("%s has no %s: is it an older stormdrain, or something else? (--url says where to ask)", c.base, response.Request.URL.Path)
	default:
		e.text = fmt.Sprintf("%s answers %s: %s", c.base, response.Status, line)
	}
	return e
}

// headers are those of every request. No error quotes one: they may be secrets.
func headers(cfg *config.Query) (http.Header, error) {
	header := http.Header{"User-Agent": {"stormdrain-query/" + config.ThisBuild().Version}}
	lines, err := clientflags.HeaderLines(cfg.Header)
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(line, "\r\n\x00") {
			return nil, fmt.Errorf("--header: number %d is not of the form NAME: VALUE", i+1)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	if cfg.BearerTokenFile != "" {
		token, err := firstLine(cfg.BearerTokenFile)
		if err != nil {
			return nil, fmt.Errorf("--bearer-token-file: %w", err)
		}
		header.Set("Authorization", "Bearer "+token)
	}
	if cfg.User != "" {
		password, err := firstLine(cfg.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("--password-file: %w", err)
		}
		r := http.Request{Header: header}
		r.SetBasicAuth(cfg.User, password)
	}
	return header, nil
}

func firstLine(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("the first line of %s is empty", file)
	}
	return line, nil
}
