package config

import (
	"fmt"

	"stormdrain/server/auth"
	"stormdrain/server/webconfig"
)

// checkFiles reads what the server would read at its start, for check-config:
// whoever asks before a restart wants to know of a mistake in any of the files.
func checkFiles(cfg *Config) (errs []error) {
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
	return errs
}
