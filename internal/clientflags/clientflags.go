// Package clientflags is what the flags mean by which a command reaches a server:
// --header, --ca-file, --cert-file, --key-file and --insecure, of bench and of query.
package clientflags

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// TLS returns the settings of a client. Empty files: the machine's certificates, and
// none of our own. An error names the flag.
func TLS(caFile, certFile, keyFile string, insecure bool) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: insecure}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file: no certificate in %s; want PEM", caFile)
		}
	}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("--cert-file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// HeaderLines returns what the values of --header stand for: each is a line, or with
// an @ before it a file of lines. They may be secrets: no error quotes one.
func HeaderLines(given []string) (lines []string, err error) {
	for _, word := range given {
		file, isFile := strings.CutPrefix(word, "@")
		if !isFile {
			lines = append(lines, word)
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--header: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}
