// Package health asks a running server whether it can take alerts: for the
// health checks of containers, whose images hold no shell and no curl.
package health

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"

	"stormdrain/internal/config"
)

// mostAnswer bounds what is read of an answer, which is one line from us and
// may be anything from whoever else listens there.
const mostAnswer = 1 << 10

// Run asks once, prints the answer to out and returns an error unless it was a 200.
func Run(ctx context.Context, cfg *config.Health, out io.Writer) error {
	transport := &http.Transport{ // no proxy: the server is next door
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: cfg.Insecure},
	}
	client := http.Client{
		Transport: transport, Timeout: cfg.Timeout,
		// Somebody else's page must not pass for ours.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, cfg.URL, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%w; is stormdrain running there? (--url says where to ask)", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", cfg.URL, err)
	}
	line := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", cfg.URL, response.Status, line)
	}
	_, err = fmt.Fprintln(out, line)
	return err
}
