package webconfig

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

type tlsSection struct {
	Cert         string    `yaml:"cert"`
	Key          string    `yaml:"key"`
	ClientCA     string    `yaml:"client_ca"`
	CertFile     string    `yaml:"cert_file"`
	KeyFile      string    `yaml:"key_file"`
	ClientCAFile string    `yaml:"client_ca_file"`
	ClientAuth   string    `yaml:"client_auth_type"`
	AllowedSANs  *[]string `yaml:"client_allowed_sans"`
	MinVersion   string    `yaml:"min_version"`
	MaxVersion   string    `yaml:"max_version"`
	CipherSuites []string  `yaml:"cipher_suites"`
	PreferServer *bool     `yaml:"prefer_server_cipher_suites"` // Go has its own order of them
	Curves       []string  `yaml:"curve_preferences"`
}

// lookEvery is how long a certificate that was replaced may still be used.
const lookEvery = 5 * time.Second

// TLS makes the settings of TLS connections, and makes them anew when one of
// the files that they come from has changed.
type TLS struct {
	section tlsSection // with paths that need no directory any more
	base    *tls.Config
	every   time.Duration // lookEvery; tests are in more of a hurry

	mu      sync.Mutex
	current *tls.Config
	looked  time.Time
	seen    []os.FileInfo // of files, as they were before they were read; nil for one that was not there
}

// newTLS returns nil when the section asks for no TLS.
func newTLS(s tlsSection, dir string) (*TLS, error) {
	s.CertFile, s.KeyFile, s.ClientCAFile = join(dir, s.CertFile), join(dir, s.KeyFile), join(dir, s.ClientCAFile)
	if !s.enabled() {
		return nil, s.nothingElse()
	}
	base, err := s.base()
	if err != nil {
		return nil, err
	}
	t := &TLS{section: s, base: base, every: lookEvery, looked: time.Now()}
	t.seen = t.look()
	if t.current, err = t.read(); err != nil {
		return nil, err
	}
	return t, nil
}

func join(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// enabled is the format's rule: any of these asks for TLS.
func (s *tlsSection) enabled() bool {
	return s.CertFile != "" || s.Cert != "" || s.KeyFile != "" || s.Key != "" ||
		s.ClientCAFile != "" || s.ClientCA != "" || s.ClientAuth != ""
}

// nothingElse refuses a section that limits TLS and does not switch it on: it
// would look as if it did.
func (s *tlsSection) nothingElse() error {
	if s.MinVersion != "" || s.MaxVersion != "" || s.CipherSuites != nil || s.Curves != nil || s.AllowedSANs != nil {
		return errors.New("missing one of cert or cert_file")
	}
	return nil
}

// base is all that does not come out of a file.
func (s *tlsSection) base() (*tls.Config, error) {
	for _, pair := range []struct{ inline, path, name string }{
		{s.Cert, s.CertFile, "cert"}, {s.Key, s.KeyFile, "key"}, {s.ClientCA, s.ClientCAFile, "client_ca"},
	} {
		if pair.inline != "" && pair.path != "" {
			return nil, fmt.Errorf("%s and %s_file are both set; remove one", pair.name, pair.name)
		}
	}
	switch {
	case s.Cert == "" && s.CertFile == "":
		return nil, errors.New("missing one of cert or cert_file")
	case s.Key == "" && s.KeyFile == "":
		return nil, errors.New("missing one of key or key_file")
	}
	c := &tls.Config{NextProtos: []string{"http/1.1"}}
	var err error
	if c.ClientAuth, err = s.clientAuth(); err != nil {
		return nil, err
	}
	if c.MinVersion, err = version("min_version", s.MinVersion, tls.VersionTLS12); err != nil {
		return nil, err
	}
	if c.MaxVersion, err = version("max_version", s.MaxVersion, tls.VersionTLS13); err != nil {
		return nil, err
	}
	if c.MinVersion > c.MaxVersion {
		return nil, fmt.Errorf("min_version %s is above max_version %s; no client could connect", s.MinVersion, s.MaxVersion)
	}
	if c.CipherSuites, err = ciphers(s.CipherSuites); err != nil {
		return nil, err
	}
	if c.CurvePreferences, err = curves(s.Curves); err != nil {
		return nil, err
	}
	if s.AllowedSANs != nil {
		c.VerifyConnection = s.checkNames
	}
	return c, nil
}

func (s *tlsSection) clientAuth() (tls.ClientAuthType, error) {
	policy, ok := clientAuthTypes[s.ClientAuth]
	if !ok {
		return 0, fmt.Errorf("client_auth_type %q is unknown; want %s", s.ClientAuth, clientAuthNames)
	}
	if (s.ClientCA != "" || s.ClientCAFile != "") && policy == tls.NoClientCert {
		return 0, errors.New("there is a client_ca, and client_auth_type does not ask for certificates; want RequireAndVerifyClientCert")
	}
	if s.AllowedSANs != nil && policy != tls.RequireAnyClientCert && policy != tls.RequireAndVerifyClientCert {
		return 0, errors.New("client_allowed_sans needs client_auth_type RequireAndVerifyClientCert or RequireAnyClientCert; " +
			"else a client without a certificate comes in")
	}
	return policy, nil
}

// checkNames wants one name of the client's certificate to be in the list. It
// is asked about resumed sessions as well.
func (s *tlsSection) checkNames(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the client has shown no certificate to match client_allowed_sans")
	}
	cert := state.PeerCertificates[0]
	names := slices.Concat(cert.DNSNames, cert.EmailAddresses)
	for _, ip := range cert.IPAddresses {
		names = append(names, net.IP.String(ip))
	}
	for _, uri := range cert.URIs {
		names = append(names, uri.String())
	}
	for _, name := range names {
		if slices.Contains(*s.AllowedSANs, name) {
			return nil
		}
	}
	return fmt.Errorf("no name of the client's certificate, %q, is in client_allowed_sans", names)
}

// read makes the settings from the files as they are now.
func (t *TLS) read() (*tls.Config, error) {
	s := &t.section
	certPEM, err := pick(s.Cert, s.CertFile)
	if err != nil {
		return nil, fmt.Errorf("cert_file: %w", err)
	}
	keyPEM, err := pick(s.Key, s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate %s and key %s: %w", orInline(s.CertFile), orInline(s.KeyFile), err)
	}
	c := t.base.Clone()
	c.Certificates = []tls.Certificate{pair}
	if s.ClientCA == "" && s.ClientCAFile == "" {
		return c, nil
	}
	caPEM, err := pick(s.ClientCA, s.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("client_ca_file: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(caPEM) {
		return nil, fmt.Errorf("client CA %s: there is no certificate in it; want PEM", orInline(s.ClientCAFile))
	}
	return c, nil
}

func pick(inline, path string) ([]byte, error) {
	if path == "" {
		return []byte(inline), nil
	}
	return os.ReadFile(path)
}

func orInline(path string) string {
	if path == "" {
		return "(inline)"
	}
	return path
}

// Current returns what a new connection is to use. Now and then it looks whether
// a file has changed. When what is there now cannot be used, the settings stay as
// they were, and the error says why, once.
func (t *TLS) Current() (*tls.Config, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.looked) < t.every {
		return t.current, nil
	}
	t.looked = time.Now()
	now := t.look()
	if slices.EqualFunc(now, t.seen, sameFile) {
		return t.current, nil
	}
	t.seen = now
	c, err := t.read()
	if err != nil {
		return t.current, err
	}
	t.current = c
	return c, nil
}

func (t *TLS) look() []os.FileInfo {
	var infos []os.FileInfo
	for _, path := range []string{t.section.CertFile, t.section.KeyFile, t.section.ClientCAFile} {
		if path != "" {
			info, _ := os.Stat(path) // read will say what is wrong with it
			infos = append(infos, info)
		}
	}
	return infos
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
