package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// validText checks the form of a text as far as that is possible without the
// network or the disk.
func validText(form, word string) bool {
	switch form {
	case "address":
		host, port, err := net.SplitHostPort(word)
		n, portErr := strconv.ParseUint(port, 10, 16)
		return err == nil && portErr == nil && n <= 65535 && !strings.ContainsAny(host, " /")
	case "store":
		return validStoreURL(word)
	case "path":
		return word != "" && !strings.ContainsRune(word, 0)
	case "secret":
		name, credential := strings.CutPrefix(word, credentialPrefix)
		return !strings.ContainsRune(word, 0) && (!credential || validCredential(name))
	}
	return true
}

// validStoreURL leaves the details to the store that the URL names.
func validStoreURL(url string) bool {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		// After sqlite:// people expect a path that begins here, and SQLite
		// takes one that begins at the root; in memory nothing would last.
		return path != "" && path != ":memory:" && (!strings.HasPrefix(path, "//") || strings.HasPrefix(path, "///"))
	}
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(url, scheme); ok {
			return rest != "" && !strings.ContainsAny(url, " \t\r\n\x00")
		}
	}
	return url == ""
}

// refuse builds the one line for a value that cannot be. A URL with a password
// may have ended up behind the wrong key, so every value is redacted.
func (s *setting) refuse(word, source string) error {
	return fmt.Errorf("%s: %s%s is not accepted: want %s", s.key, quoteValue(redact(word)), from(source), s.accepts())
}

func from(source string) string {
	if source == "" {
		return ""
	}
	return " (" + source + ")"
}

// quoteValue keeps a long value to one readable line.
func quoteValue(word string) string {
	const most = 100
	if len(word) > most {
		return strconv.Quote(word[:most]) + "..."
	}
	return strconv.Quote(word)
}

// accepts says in words what set takes.
func (s *setting) accepts() string {
	switch s.target.Interface().(type) {
	case time.Duration:
		return "a duration such as 500ms, 30s or 1d12h" + s.bounds()
	case int64:
		return "bytes, or a number with KiB, MiB, GiB or TiB" + s.bounds()
	case int:
		return "a whole number" + s.bounds()
	case float64:
		return "a number" + s.bounds()
	case bool:
		return "true or false"
	}
	if s.oneOf != nil {
		return "one of " + strings.Join(s.oneOf, ", ")
	}
	switch s.form {
	case "address":
		return "host:port or :port with a port from 0 to 65535, at least one, none of them twice"
	case "store":
		return "nothing (SQLite in data.dir), sqlite:PATH or postgres://HOST/DATABASE"
	case "path":
		return "the path of a folder"
	case "secret":
		return "the path of a file, or credential:NAME for a credential of systemd"
	}
	return "text"
}

func (s *setting) bounds() string {
	switch {
	case s.min != "" && s.max != "":
		return ", from " + s.min + " to " + s.max
	case s.min != "":
		return ", at least " + s.min
	}
	return ""
}
