package webconfig

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

const clientAuthNames = "NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"

var clientAuthTypes = map[string]tls.ClientAuthType{
	"":                           tls.NoClientCert,
	"NoClientCert":               tls.NoClientCert,
	"RequestClientCert":          tls.RequestClientCert,
	"RequireAnyClientCert":       tls.RequireAnyClientCert,
	"RequireClientCert":          tls.RequireAnyClientCert, // its old name
	"VerifyClientCertIfGiven":    tls.VerifyClientCertIfGiven,
	"RequireAndVerifyClientCert": tls.RequireAndVerifyClientCert,
}

var versions = map[string]uint16{
	"TLS10": tls.VersionTLS10,
	"TLS11": tls.VersionTLS11,
	"TLS12": tls.VersionTLS12,
	"TLS13": tls.VersionTLS13,
}

func version(key, name string, standard uint16) (uint16, error) {
	if name == "" {
		return standard, nil
	}
	v, ok := versions[name]
	if !ok {
		return 0, fmt.Errorf("%s %q is unknown; want TLS10, TLS11, TLS12 or TLS13", key, name)
	}
	return v, nil
}

// ciphers takes the names of those that Go holds to be safe.
func ciphers(names []string) ([]uint16, error) {
	var ids []uint16
	for _, name := range names {
		i := slices.IndexFunc(tls.CipherSuites(), func(c *tls.CipherSuite) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the cipher suite %q is unknown; want one of %s", name, cipherNames())
		}
		ids = append(ids, tls.CipherSuites()[i].ID)
	}
	return ids, nil
}

func cipherNames() string {
	var names []string
	for _, c := range tls.CipherSuites() {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

var curveIDs = map[string]tls.CurveID{
	"CurveP256": tls.CurveP256,
	"CurveP384": tls.CurveP384,
	"CurveP521": tls.CurveP521,
	"X25519":    tls.X25519,
}

func curves(names []string) ([]tls.CurveID, error) {
	var ids []tls.CurveID
	for _, name := range names {
		id, ok := curveIDs[name]
		if !ok {
			return nil, fmt.Errorf("the curve %q is unknown; want CurveP256, CurveP384, CurveP521 or X25519", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
