package config

import (
	"fmt"

	"stormdrain/server/auth"
	"stormdrain/server/webconfig"
)

// Check is what somebody else who reads the configuration says of it.
type Check func(*Config) error

// checkFiles reads what the server is going to read, and asks the others: a mistake
// is said before anything starts, and before a reload changes anything.
func checkFiles(cfg *Config, others []Check) (errs []error) {
	check := func(key, path string, read func(string) error) {
		if path == "" {
			return
		}
		if err := read(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	check("web.config.file", cfg.WebConfigFile, func(path string) error { _, err := webconfig.Load(path); return err })
	check("auth.bearer_token_file", cfg.Auth.BearerTokenFile, func(path string) error { _, err := auth.ReadBearer(path); return err })
	check("auth.hmac_secret_file", cfg.Auth.HMACSecretFile, func(path string) error { _, err := auth.ReadSignature(path); return err })
	for _, other := range others {
		if err := other(cfg); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
