package webconfig

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"stormdrain/internal/certtest"
)

// FuzzParse: no file ends the program. An error is one line, and what is accepted means
// the same when it is read again, as a reload does.
func FuzzParse(f *testing.F) {
	dir := f.TempDir()
	ca := certtest.NewCA(f)
	pair := ca.Issue("localhost")
	certtest.Write(f, dir, map[string]string{"cert.pem": pair.Cert, "key.pem": pair.Key, "ca.pem": ca.PEM})
	for _, text := range []string{
		"", "{}\n---\n{}", "nonsense", "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n",
		"tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [a, b]}",
		"tls_server_config: {cert_file: cert.pem, key_file: key.pem, min_version: TLS12, max_version: TLS13, curve_preferences: [X25519], cipher_suites: [TLS_AES_128_GCM_SHA256], prefer_server_cipher_suites: true}",
		"http_server_config: {http2: false, headers: {X-Frame-Options: deny, Content-Security-Policy: \"default-src 'self'\"}}",
		"rate_limit: {interval: 10ms, burst: 5}", "rate_limit: {interval: 0}", "basic_auth_users: {alice: '" + hash + "'}",
		"a: &a [*a]", "basic_auth_users: {<<: {a: b}}", "tls_server_config: !!binary aGFsbG8=",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<16 || leavesDir(content) {
			return
		}
		c, err := parse(content, dir)
		if err != nil {
			if line := err.Error(); strings.ContainsAny(line, "\n\r") || line == "" {
				t.Fatalf("not one line: %q", line)
			}
			return
		}
		again, err := parse(content, dir)
		if err != nil {
			t.Fatalf("accepted, and then refused: %v", err)
		}
		if first, then := meaning(c), meaning(again); !reflect.DeepEqual(first, then) {
			t.Fatalf("%+v, and then %+v", first, then)
		}
	})
}

// leavesDir reports whether content may name a file outside of the test's folder: a
// device or a pipe could be read for ever.
func leavesDir(content []byte) bool {
	var f file
	_ = yaml.Unmarshal(content, &f) // what it has understood before a mistake counts, too
	for _, path := range []string{f.TLS.CertFile, f.TLS.KeyFile, f.TLS.ClientCAFile} {
		if filepath.IsAbs(path) || strings.ContainsAny(path, "/"+string(os.PathSeparator)) {
			return true
		}
	}
	return false
}

// meaning is what of a Config can be compared: functions cannot, nor users, who have a
// random key.
func meaning(c *Config) any {
	type plain struct {
		Section   any
		Users     bool
		Headers   []Header
		PerSecond float64
		Burst     int
	}
	p := plain{Users: c.Users != nil, Headers: c.Headers, PerSecond: c.PerSecond, Burst: c.Burst}
	if c.TLS != nil {
		now := c.TLS.current
		p.Section = []any{c.TLS.section, now.MinVersion, now.MaxVersion, now.CipherSuites, now.CurvePreferences, now.ClientAuth, now.VerifyConnection != nil}
	}
	return p
}
