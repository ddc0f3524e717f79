package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Secrets come from files. systemd puts those of LoadCredential= and
// SetCredentialEncrypted= into a folder that only the service can read, and names
// the folder in this variable.
const (
	credentialsVariable = "CREDENTIALS_DIRECTORY"
	credentialPrefix    = "credential:"
)

// validCredential: systemd's own rule, a plain name.
func validCredential(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsRune(name, '/')
}

// findSecrets turns the name of every secret file into a path, and reads the
// one that the configuration itself needs.
func findSecrets(settings []*setting, cfg *Config, environ []string) (errs []error) {
	folder := variable(environ, credentialsVariable)
	for _, s := range settings {
		if s.form != "secret" {
			continue
		}
		path, err := secretPath(s.target.String(), folder)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s%s: %w", s.key, from(s.source), err))
			continue
		}
		s.target.SetString(path)
	}
	if len(errs) > 0 || cfg.Storage.URLFile == "" {
		return errs
	}
	if err := readStoreURL(byKey(settings, "storage.url"), byKey(settings, "storage.url_file")); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// variable returns the value of an environment variable; the last one counts.
func variable(environ []string, name string) (value string) {
	for _, pair := range environ {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

// secretPath says where a secret is. credential:NAME is a credential of systemd and
// nothing else. A relative name is one, too, if systemd gave us one of that
// name, so that one file of settings serves with systemd and without.
func secretPath(name, folder string) (string, error) {
	if credential, ok := strings.CutPrefix(name, credentialPrefix); ok {
		if folder == "" {
			return "", fmt.Errorf("no credentials were given to this process (%s is not set); add LoadCredential=%s:/path/of/the/file to the unit",
				credentialsVariable, credential)
		}
		path := filepath.Join(folder, credential)
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("no credential %q: %w; add LoadCredential=%s:/path/of/the/file to the unit", credential, err, credential)
		}
		return path, nil
	}
	if name == "" || filepath.IsAbs(name) || folder == "" || !filepath.IsLocal(name) {
		return name, nil
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return name, nil
}

// readStoreURL puts what stands in the file where storage.url would have been.
// No message quotes it, not even with the password hidden.
func readStoreURL(url, file *setting) error {
	if url.source != "" && url.target.String() != "" {
		return fmt.Errorf("storage.url%s and storage.url_file%s: only one of them can say where events are kept", from(url.source), from(file.source))
	}
	path := file.target.String()
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("storage.url_file%s: %w", from(file.source), err)
	}
	word := strings.TrimSpace(string(content))
	switch {
	case word == "":
		return fmt.Errorf("storage.url_file%s: %s is empty; want the URL in it, and nothing else", from(file.source), path)
	case !validStoreURL(word):
		return fmt.Errorf("storage.url_file%s: what %s holds is not accepted: want %s", from(file.source), path, url.accepts())
	}
	url.target.SetString(word)
	return nil
}
