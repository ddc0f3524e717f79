package config

import (
	"errors"
	"net/url"
	"time"
)

// CommandHealth is what Parse returns when a running server is to be asked; then
// Config.Health is filled and nothing else of Config.
const CommandHealth = "health"

// Health is what `stormdrain health` is told.
type Health struct {
	URL      string        `default:"http://127.0.0.1:9567/-/ready" help:"Page to ask, http or https: /-/ready, or /-/healthy for whether the process runs at all."`
	Timeout  time.Duration `default:"3s" help:"Longest wait for the answer."`
	Insecure bool          `help:"Do not check the server's certificate, which seldom names 127.0.0.1."`
}

// Help is what --help says below the first line.
func (*Health) Help() string {
	return `Prints what the server says and exits with 0 when that was a 200, else with 1. It needs neither a shell nor curl, so that it works in
the image of the program. It reads no configuration: where the server listens elsewhere or speaks TLS, --url or STORMDRAIN_URL says so;
one without a path means /-/ready. A flag's environment variable is STORMDRAIN_ and its name in upper snake case (STORMDRAIN_URL).`
}

// Validate is called by kong when all flags are read.
func (h *Health) Validate() error {
	if u, err := url.Parse(h.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("--url: want a URL such as http://127.0.0.1:9567/-/ready")
	} else if u.Path == "" || u.Path == "/" { // as query takes it, from the same variable; the web page is always there
		u.Path = "/-/ready"
		h.URL = u.String()
	}
	if h.Timeout < time.Millisecond {
		return errors.New("--timeout: want at least 1ms")
	}
	return nil
}
