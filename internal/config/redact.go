package config

import (
	"net/url"
	"regexp"
	"strings"
)

const hidden = "xxxxx"

// redact hides the passwords in a storage URL, or in any line of text that
// might hold one. It would rather hide too much than too little: nobody can
// say where a password ends that holds an @, a / or a ? and was not escaped, so
// everything from the first colon of the authority to the last @ goes.
func redact(s string) string {
	scheme := strings.Index(s, "://")
	if scheme >= 0 {
		start := scheme + len("://")
		at := strings.LastIndexByte(s, '@')
		if at > start {
			if colon := strings.IndexByte(s[start:at], ':'); colon >= 0 {
				s = s[:start+colon+1] + hidden + s[at:]
			}
		}
	}
	return redactParameters(s)
}

// redactParameters hides the value of every parameter that is named like a
// password: in a URL's query, where a value goes up to the next &, and in a
// keyword/value string, where it goes up to a space and may be quoted.
func redactParameters(s string) string {
	unquoted := `[^\s]*`
	if strings.Contains(s, "://") {
		unquoted = `[^&]*`
	}
	parameter := regexp.MustCompile(`([^\s?&=;'"]+)(\s*=\s*)('(?:[^'\\]|\\.)*'|` + unquoted + `)`)
	return parameter.ReplaceAllStringFunc(s, func(pair string) string {
		m := parameter.FindStringSubmatch(pair)
		name, err := url.QueryUnescape(m[1])
		if err != nil {
			name = m[1]
		}
		name = strings.ToLower(name)
		if m[3] == "" || strings.HasPrefix(m[3], hidden) || !strings.HasSuffix(name, "password") && !strings.HasSuffix(name, "passwd") {
			return pair
		}
		return m[1] + m[2] + hidden
	})
}
