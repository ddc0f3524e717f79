package storage

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"stormdrain/internal/alert"
)

// Labels and annotations are stored as JSON objects of strings, names and
// values in their stored form.

var errNoPairs = errors.New("stored text is not a JSON object of strings")

// AppendPairs appends pairs as a JSON object.
func AppendPairs(dst []byte, pairs []alert.Pair) []byte {
	dst = append(dst, '{')
	for i := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, pairs[i].Name)
		dst = append(dst, ':')
		dst = AppendString(dst, pairs[i].Value)
	}
	return append(dst, '}')
}

// CutString takes off the front of rest what AppendString has put there. The string
// may share rest.
func CutString(rest string) (s, behind string, ok bool) {
	p := pairParser{rest: rest}
	s, ok = p.string()
	return Unescape(s), p.rest, ok
}

// ParsePairs is the inverse of AppendPairs for pairs with unique names; they
// come back sorted by name, whatever order the store keeps. It accepts the
// blanks that a store puts between tokens. The strings share text.
func ParsePairs(text string) ([]alert.Pair, error) {
	p := pairParser{rest: text}
	if !p.accept('{') {
		return nil, errNoPairs
	}
	if p.accept('}') {
		return nil, p.end()
	}
	var pairs []alert.Pair
	for {
		name, ok1 := p.string()
		colon := p.accept(':')
		value, ok2 := p.string()
		if !ok1 || !colon || !ok2 {
			return nil, errNoPairs
		}
		pairs = append(pairs, alert.Pair{Name: Unescape(name), Value: Unescape(value)})
		if !p.accept(',') {
			break
		}
	}
	if !p.accept('}') {
		return nil, errNoPairs
	}
	slices.SortFunc(pairs, func(a, b alert.Pair) int { return cmp.Compare(a.Name, b.Name) })
	return pairs, p.end()
}

// EscapeJSON returns the stored form of JSON text: the strings in it are in
// stored form, the rest is as it was. JSON spells both characters as escapes
// only, \u0000 and \u001a, so those are what changes.
func EscapeJSON(text []byte) []byte {
	return mapEscapes(text, func(dst, escape, _ []byte) ([]byte, int) {
		switch string(escape[2:]) {
		case "0000":
			return append(dst, `\u001a0`...), 0
		case "001a", "001A":
			return append(append(dst, escape...), '1'), 0
		}
		return append(dst, escape...), 0
	})
}

// UnescapeJSON is the inverse of EscapeJSON.
func UnescapeJSON(text []byte) []byte {
	return mapEscapes(text, func(dst, escape, rest []byte) ([]byte, int) {
		if !strings.EqualFold(string(escape[2:]), "001a") || len(rest) == 0 {
			return append(dst, escape...), 0
		}
		if rest[0] == '0' {
			return append(dst, `\u0000`...), 1
		}
		return append(dst, escape...), 1
	})
}

// mapEscapes copies JSON text, handing each \uXXXX to f with what follows it; f
// appends what shall stand there and says how many bytes of rest it used up.
// Without any it returns text itself.
func mapEscapes(text []byte, f func(dst, escape, rest []byte) ([]byte, int)) []byte {
	const escapeLen = len(`\u0000`)
	var dst []byte
	done := 0 // text before it is in dst
	for i := 0; i+1 < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if text[i+1] != 'u' || len(text)-i < escapeLen {
			i++ // the character after a backslash is never the start of an escape
			continue
		}
		dst = append(dst, text[done:i]...)
		var used int
		dst, used = f(dst, text[i:i+escapeLen], text[i+escapeLen:])
		done = i + escapeLen + used
		i = done - 1
	}
	if done == 0 {
		return text
	}
	return append(dst, text[done:]...)
}

// AppendString appends the stored form of s as a JSON string. What must be
// escaped is, nothing else: s is UTF-8. One string has one spelling, so that a
// store can look for it in the text.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !mustEscape[c] {
			continue
		}
		dst = append(dst, s[done:i]...)
		done = i + 1
		switch {
		case c >= ' ':
			dst = append(dst, '\\', c)
		case c == 0:
			dst = append(dst, `\u001a0`...)
		case c == 0x1a:
			dst = append(dst, `\u001a1`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// mustEscape is what JSON does not allow as it is in a string.
var mustEscape = func() (set [256]bool) {
	for c := range ' ' {
		set[c] = true
	}
	set['"'], set['\\'] = true, true
	return set
}()

// pairParser cuts tokens off the front of rest.
type pairParser struct{ rest string }

func (p *pairParser) skipBlanks() {
	for p.rest != "" && (p.rest[0] == ' ' || p.rest[0] == '\n') {
		p.rest = p.rest[1:]
	}
}

func (p *pairParser) accept(c byte) bool {
	p.skipBlanks()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *pairParser) string() (string, bool) {
	if !p.accept('"') {
		return "", false
	}
	escaped := false
	for i := 0; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			s := p.rest[:i]
			p.rest = p.rest[i+1:]
			if !escaped {
				return s, true
			}
			var out string
			err := json.Unmarshal([]byte(`"`+s+`"`), &out)
			return out, err == nil
		}
	}
	return "", false
}

func (p *pairParser) end() error {
	if p.skipBlanks(); p.rest != "" {
		return errNoPairs
	}
	return nil
}
