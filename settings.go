package main

import (
	"fmt"
	"math"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is one key of the configuration: its names, its bounds, and the field
// of Config that it fills. The bounds are written as in the file and read by
// the same parser as a value.
type setting struct {
	key         string // journal.max_bytes, as every message names it
	flag        string // journal.max-bytes
	env         string // STORMDRAIN_JOURNAL_MAX_BYTES
	group       string // journal; empty for what is not in the file
	help        string
	placeholder string
	standard    string   // the default, as it is written in the file
	min, max    string   // empty: no bound
	oneOf       []string // nil: anything
	form        string   // of a text: "address", "store", "path" or empty for any

	target   reflect.Value
	fallback any // the default as a Go value

	given  []string // what stood behind the flag, each time that it was given
	source string   // where the value came from; empty for the default
}

// settingsOf lists the settings of cfg in the order of its fields, and fills
// cfg with the defaults.
func settingsOf(cfg *Config) []*setting {
	var all []*setting
	root := reflect.ValueOf(cfg).Elem()
	for i := range root.NumField() {
		field := root.Type().Field(i)
		if group, ok := field.Tag.Lookup("group"); ok {
			for j := range field.Type.NumField() {
				all = append(all, newSetting(group, field.Type.Field(j).Tag, root.Field(i).Field(j)))
			}
		} else if field.Tag.Get("key") != "" {
			all = append(all, newSetting("", field.Tag, root.Field(i)))
		}
	}
	return all
}

func newSetting(group string, tag reflect.StructTag, target reflect.Value) *setting {
	s := &setting{
		key:         strings.TrimPrefix(group+"."+tag.Get("key"), "."),
		flag:        tag.Get("flag"),
		group:       group,
		help:        tag.Get("help"),
		placeholder: tag.Get("placeholder"),
		standard:    tag.Get("default"),
		min:         tag.Get("min"),
		max:         tag.Get("max"),
		form:        tag.Get("form"),
		target:      target,
	}
	if s.flag == "" {
		s.flag = flagOf(s.key)
	}
	s.env = "STORMDRAIN_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.flag))
	if list := tag.Get("oneof"); list != "" {
		s.oneOf = strings.Split(list, ",")
	}
	if err := s.set([]string{s.standard}, ""); s.standard != "" && err != nil {
		panic(fmt.Sprintf("BUG: default of %v", err))
	}
	s.fallback = target.Interface()
	return s
}

// flagOf is the rule by which a key becomes a flag; server.listen has its own.
func flagOf(key string) string { return strings.ReplaceAll(key, "_", "-") }

// isList reports whether the setting can be given more than once.
func (s *setting) isList() bool { return s.target.Kind() == reflect.Slice }

// set takes words, the last of which counts where the setting is no list. An
// error says which key, which value, where it stood and what is accepted;
// cfg is left as it was.
func (s *setting) set(words []string, source string) error {
	if s.isList() {
		list := splitList(words)
		for _, word := range list {
			if !validText(s.form, word) {
				return s.refuse(word, source)
			}
		}
		if len(list) == 0 || hasTwice(list) {
			return s.refuse(strings.Join(words, ","), source)
		}
		s.target.Set(reflect.ValueOf(list))
		s.source = source
		return nil
	}
	word := words[len(words)-1]
	value, ok := s.parse(word)
	if !ok {
		return s.refuse(word, source)
	}
	s.target.Set(reflect.ValueOf(value))
	s.source = source
	return nil
}

// parse turns one word into the Go value of the target's type.
func (s *setting) parse(word string) (value any, ok bool) {
	switch s.target.Interface().(type) {
	case time.Duration:
		return within(parseDuration, word, s.min, s.max)
	case int64:
		return within(parseSize, word, s.min, s.max)
	case int:
		return within(strconv.Atoi, word, s.min, s.max)
	case float64:
		return within(parseFinite, word, s.min, s.max)
	case bool:
		v, err := strconv.ParseBool(word)
		return v, err == nil
	case string:
		if s.oneOf != nil {
			return word, slices.Contains(s.oneOf, word)
		}
		return word, validText(s.form, word)
	}
	panic(fmt.Sprintf("BUG: %s has the type %s, which no parser knows", s.key, s.target.Type()))
}

func within[T time.Duration | int64 | int | float64](parse func(string) (T, error), word, low, high string) (any, bool) {
	v, err := parse(word)
	if err != nil {
		return nil, false
	}
	if bound, err := parse(low); low != "" && (err != nil || v < bound) {
		return nil, false
	}
	if bound, err := parse(high); high != "" && (err != nil || v > bound) {
		return nil, false
	}
	return v, true
}

func parseFinite(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		return 0, strconv.ErrRange
	}
	return v, err
}

// splitList takes words that are lists themselves: an environment variable and
// a flag can hold several values with commas between.
func splitList(words []string) []string {
	var list []string
	for _, word := range words {
		for _, part := range strings.Split(word, ",") {
			list = append(list, strings.TrimSpace(part))
		}
	}
	return list
}

// hasTwice reports whether an address is listed twice; port 0 is another port
// each time.
func hasTwice(list []string) bool {
	for i, word := range list {
		if slices.Contains(list[:i], word) && !strings.HasSuffix(word, ":0") {
			return true
		}
	}
	return false
}

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
