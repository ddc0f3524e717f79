package alert

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MatchOp is one of Alertmanager's four operators.
type MatchOp uint8

// The operators of a Matcher.
const (
	MatchEqual MatchOp = iota
	MatchNotEqual
	MatchRegexp
	MatchNotRegexp
)

func (o MatchOp) String() string { return [...]string{"=", "!=", "=~", "!~"}[o] }

// Matcher is one condition on one label, with Alertmanager's meaning: regular
// expressions are RE2 and anchored, and an absent label equals "".
type Matcher struct {
	Name  string
	Op    MatchOp
	Value string
	re    *regexp.Regexp
}

// NewMatcher checks the name and compiles the expression.
func NewMatcher(name string, op MatchOp, value string) (*Matcher, error) {
	if name == "" {
		return nil, fmt.Errorf("a matcher needs a label name before %q", op)
	}
	m := &Matcher{Name: name, Op: op, Value: value}
	if op == MatchRegexp || op == MatchNotRegexp {
		re, err := regexp.Compile("^(?:" + value + ")$")
		if err != nil {
			return nil, fmt.Errorf("matcher on %q: %w", name, err)
		}
		m.re = re
	}
	return m, nil
}

func (m *Matcher) String() string {
	return strconv.Quote(m.Name) + m.Op.String() + strconv.Quote(m.Value)
}

// Matches reports whether a label with this value satisfies m.
func (m *Matcher) Matches(value string) bool {
	switch m.Op {
	case MatchEqual:
		return value == m.Value
	case MatchNotEqual:
		return value != m.Value
	case MatchRegexp:
		return m.re.MatchString(value)
	default:
		return !m.re.MatchString(value)
	}
}

// MatchAll reports whether a label set satisfies every matcher.
func MatchAll(matchers []*Matcher, labels []Pair) bool {
	for _, m := range matchers {
		if !m.Matches(Value(labels, m.Name)) {
			return false
		}
	}
	return true
}

// ParseMatchers reads what Alertmanager's `filter` parameter and amtool accept:
// one matcher (severity=~"crit.*", with or without quotes) or several in braces
// with commas between. Names and values may be quoted; any UTF-8 name may.
func ParseMatchers(s string) ([]*Matcher, error) {
	p := matcherParser{rest: strings.TrimSpace(s)}
	braces := p.accept("{")
	var out []*Matcher
	for {
		if braces && p.accept("}") {
			break
		}
		m, err := p.matcher()
		if err != nil {
			return nil, fmt.Errorf("in matcher %s: %w", quoteShort(s), err)
		}
		out = append(out, m)
		if !p.accept(",") {
			if braces && !p.accept("}") {
				return nil, fmt.Errorf("in matcher %s: expected , or } before %s", quoteShort(s), quoteShort(p.rest))
			}
			break
		}
		if !braces && p.rest == "" {
			break
		}
	}
	if p.skipSpace(); p.rest != "" {
		return nil, fmt.Errorf("in matcher %s: unexpected %s", quoteShort(s), quoteShort(p.rest))
	}
	if len(out) == 0 && !braces {
		return nil, fmt.Errorf("empty matcher")
	}
	return out, nil
}

type matcherParser struct{ rest string }

func (p *matcherParser) skipSpace() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

func (p *matcherParser) accept(token string) bool {
	p.skipSpace()
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

func (p *matcherParser) matcher() (*Matcher, error) {
	name, err := p.word()
	if err != nil {
		return nil, err
	}
	var op MatchOp
	switch {
	case p.accept("=~"):
		op = MatchRegexp
	case p.accept("!~"):
		op = MatchNotRegexp
	case p.accept("!="):
		op = MatchNotEqual
	case p.accept("="):
		op = MatchEqual
	default:
		return nil, fmt.Errorf("expected =, !=, =~ or !~ after %s", quoteShort(name))
	}
	value, err := p.word()
	if err != nil {
		return nil, err
	}
	return NewMatcher(name, op, value)
}

// word reads a quoted string, or what stands unquoted up to the next reserved
// character. It may be empty.
func (p *matcherParser) word() (string, error) {
	p.skipSpace()
	if strings.HasPrefix(p.rest, `"`) {
		end := closingQuote(p.rest)
		if end < 0 {
			return "", fmt.Errorf("no closing quote in %s", quoteShort(p.rest))
		}
		quoted := p.rest[:end+1]
		p.rest = p.rest[end+1:]
		return unquote(quoted)
	}
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("{}!=~,\\\"'`", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	w := p.rest[:end]
	p.rest = p.rest[end:]
	if !utf8.ValidString(w) {
		return "", fmt.Errorf("%q is not UTF-8", w)
	}
	return w, nil
}

func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unquote accepts Go's escapes, and keeps the backslash of any other, as people
// write "\d+" in regular expressions and Alertmanager's classic parser takes it.
func unquote(quoted string) (string, error) {
	if s, err := strconv.Unquote(quoted); err == nil {
		return s, nil
	}
	inner := quoted[1 : len(quoted)-1]
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] != '\\' || i+1 == len(inner) {
			b.WriteByte(inner[i])
			continue
		}
		i++
		switch inner[i] {
		case '"', '\\':
			b.WriteByte(inner[i])
		case 'n':
			b.WriteByte('\n')
		default:
			b.WriteByte('\\')
			b.WriteByte(inner[i])
		}
	}
	if !utf8.ValidString(b.String()) {
		return "", fmt.Errorf("%s is not UTF-8", quoteShort(quoted))
	}
	return b.String(), nil
}

func quoteShort(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}
