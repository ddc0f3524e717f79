package config

import (
	"fmt"
	"math"
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
	form        string   // of a text: "address", "store", "path", "secret" or empty for any

	target   reflect.Value
	fallback any // the default as a Go value

	given  []string // what stood behind the flag, each time that it was given
	source string   // where the value came from; empty for the default
}

// envPrefix begins the name of each of our variables.
const envPrefix = "STORMDRAIN_"

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
	s.env = envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.flag))
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
