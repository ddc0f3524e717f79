package command

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stormdrain/internal/clientflags"
	"stormdrain/internal/config"
)

// target is the server: where alerts are posted, where they are read, and what
// every request says besides.
type target struct {
	api     string // begins the URLs of the API; no slash at the end
	post    string // URL that alerts are posted to
	path    string // of post, as it is written in a request
	source  string // as events have it
	address string // host:port
	host    string
	tls     *tls.Config // nil for http
	header  []string    // lines, as "Name: value"
}

const pathWebhook = "/webhook"

func newTarget(cfg *config.Bench) (*target, error) {
	u, err := url.Parse(cfg.Target)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--target: %w; want http://HOST:PORT or https://HOST:PORT", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("--target: %q is no URL of a server; want http://HOST:PORT or https://HOST:PORT", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("--target: %q has something behind its path; want http://HOST:PORT/PATH at most", u.Redacted())
	}
	t := &target{source: cfg.Source, host: u.Host}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	if before, name, ok := strings.Cut(prefix+"/", pathWebhook+"/"); ok {
		prefix = before
		if name = strings.TrimSuffix(name, "/"); name != "" {
			if t.source, err = url.PathUnescape(name); err != nil || strings.Contains(name, "/") {
				return nil, fmt.Errorf("--target: %q is no source behind /webhook; a slash in a name is %%2F", name)
			}
		}
	}
	t.path = prefix + pathWebhook
	if t.source != "" {
		t.path += "/" + url.PathEscape(t.source)
	}
	root := u.Scheme + "://" + u.Host
	t.api, t.post = root+prefix, root+t.path
	if t.header, err = headers(cfg.Header); err != nil {
		return nil, err
	}
	if u.User != nil {
		password, _ := u.User.Password()
		t.header = append(t.header, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	if u.Scheme == "https" {
		if t.tls, err = clientflags.TLS(cfg.CAFile, cfg.CertFile, cfg.KeyFile, cfg.Insecure); err != nil {
			return nil, err
		}
		t.tls.ServerName, t.tls.NextProtos = u.Hostname(), []string{"http/1.1"}
	}
	return t, nil
}

// ours are the headers that a request has anyway.
var ours = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Transfer-Encoding": true,
	"Connection": true, "X-Request-Id": true, "User-Agent": true, "Expect": true,
}

// headers reads the values of --header, which may be secrets: no error quotes one.
func headers(given []string) (lines []string, err error) {
	if lines, err = clientflags.HeaderLines(given); err != nil {
		return nil, err
	}
	for i, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || name == "" || strings.ContainsAny(name, " \t\"(),/;<=>?@[\\]{}") || strings.ContainsAny(line, "\r\n\x00"):
			return nil, fmt.Errorf("--header: number %d is not of the form NAME: VALUE", i+1)
		case ours[http.CanonicalHeaderKey(name)]:
			return nil, fmt.Errorf("--header: %s is set by bench itself; leave it out", name)
		}
		lines[i] = name + ": " + value
	}
	return lines, nil
}

// client returns what reads from the server. It follows no redirect: one shows
// that the target is not the right one.
func (t *target) client(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: t.tls, DisableCompression: true, ResponseHeaderTimeout: max(timeout, time.Minute),
			DialContext: (&net.Dialer{Timeout: timeout}).DialContext, TLSHandshakeTimeout: timeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dress puts the headers of --header on a request.
func (t *target) dress(r *http.Request) {
	for _, line := range t.header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
}
