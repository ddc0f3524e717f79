package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"stormdrain/internal/nearest"
)

// fileValue is what the file says for one key.
type fileValue struct {
	words  []string
	source string // the file and the line
}

// configFile reads the YAML tree into words, one list a key, and leaves their
// meaning to the settings. It works on the nodes and not on a struct, so that
// every mistake in the file is found at once, with its line and its path, and a
// value is read by the same parser as a flag.
//
// A key or a group with null (or nothing) behind it counts as absent. Anchors,
// aliases and merge keys work as YAML says; a key that stands there twice and
// a second document are mistakes.
type configFile struct {
	path     string
	settings map[string]*setting
	groups   map[string]bool

	values map[string]fileValue
	lines  map[string]int // where a key or a group stands
	merges int            // made so far
	errs   []error
}

// readConfigFile returns the values by key, and all mistakes.
func readConfigFile(path string, settings []*setting) (map[string]fileValue, []error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("config.file: %w", err)}
	}
	f := newConfigFile(path, settings)
	f.read(content)
	return f.values, f.errs
}

func newConfigFile(path string, settings []*setting) *configFile {
	f := &configFile{
		path:     path,
		settings: map[string]*setting{},
		groups:   map[string]bool{},
		values:   map[string]fileValue{},
		lines:    map[string]int{},
	}
	for _, s := range settings {
		if s.group != "" {
			f.settings[s.key] = s
			f.groups[s.group] = true
		}
	}
	return f
}

func (f *configFile) read(content []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return // empty, or nothing but comments
	case err != nil:
		f.errs = append(f.errs, fmt.Errorf("config.file: %s: %w", f.path, err))
		return
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		f.errs = append(f.errs, fmt.Errorf("config.file: %s: more than one YAML document", f.path))
		return
	}
	root := resolve(document.Content[0])
	switch {
	case isNull(root):
	case root.Kind == yaml.MappingNode:
		f.mapping(root, "")
	default:
		f.errs = append(f.errs, fmt.Errorf("config.file: %s: want groups of keys, such as journal: {max_bytes: 8GiB}", f.place(root.Line)))
	}
}

// mapping reads one level. What stands there itself goes before what is merged
// into it, whatever the order in the file.
func (f *configFile) mapping(n *yaml.Node, group string) {
	here := map[string]int{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
		if key.Tag == "!!merge" {
			merged = append(merged, value)
			continue
		}
		path := strings.TrimPrefix(group+"."+key.Value, ".")
		if line, twice := here[path]; twice {
			f.fail(path, key.Line, fmt.Sprintf("key stands there twice, first in line %d", line))
			continue
		}
		here[path] = key.Line
		if _, taken := f.lines[path]; taken {
			continue // set by the mapping that this one is merged into
		}
		f.lines[path] = key.Line
		f.entry(path, group, key, value)
	}
	for _, value := range merged {
		f.merge(value, group)
	}
}

// merge is bounded as a whole: an anchor may contain itself, or others ten
// times each, which contain others ten times each.
func (f *configFile) merge(value *yaml.Node, group string) {
	const most = 100
	f.merges++
	switch {
	case f.merges > most+1: // reported
	case f.merges > most:
		f.fail(strings.TrimPrefix(group+".<<", "."), value.Line, "more than 100 merges; does an anchor contain itself?")
	case value.Kind == yaml.MappingNode:
		f.mapping(value, group)
	case value.Kind == yaml.SequenceNode:
		for _, item := range value.Content {
			f.merge(resolve(item), group)
		}
	default:
		f.fail(strings.TrimPrefix(group+".<<", "."), value.Line, "want a mapping, or a list of them")
	}
}

func (f *configFile) entry(path, group string, key, value *yaml.Node) {
	s, known := f.settings[path]
	switch {
	case known && group != "":
		f.value(s, value)
	case known:
		name := s.group
		f.fail(path, key.Line, fmt.Sprintf("unknown key; write %s: {%s: ...}", name, strings.TrimPrefix(path, name+".")))
	case group == "" && f.groups[path]:
		switch {
		case isNull(value):
		case value.Kind == yaml.MappingNode:
			f.mapping(value, path)
		default:
			f.fail(path, value.Line, "is a group of keys and has no value of its own")
		}
	default:
		f.fail(path, key.Line, "unknown key"+f.suggest(path))
	}
}

func (f *configFile) value(s *setting, n *yaml.Node) {
	v := fileValue{source: f.place(n.Line)}
	switch {
	case isNull(n):
		return
	case n.Kind == yaml.ScalarNode:
		v.words = []string{n.Value}
	case n.Kind == yaml.SequenceNode && s.isList():
		v.words = []string{} // an empty list is a value, and one that is refused
		for _, item := range n.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode {
				f.fail(s.key, item.Line, "want "+s.accepts())
				return
			}
			v.words = append(v.words, item.Value)
		}
	default:
		f.fail(s.key, n.Line, "want "+s.accepts())
		return
	}
	f.values[s.key] = v
}

func (f *configFile) fail(path string, line int, what string) {
	f.errs = append(f.errs, fmt.Errorf("%s (%s): %s", quoteOdd(path), f.place(line), what))
}

func (f *configFile) place(line int) string { return f.path + ", line " + strconv.Itoa(line) }

// suggest finds the name that was probably meant, also where the name of a flag
// was taken for that of a key.
func (f *configFile) suggest(path string) string {
	names := make([]string, 0, len(f.settings)+len(f.groups))
	for name, s := range f.settings {
		names = append(names, name)
		if flagOf(name) != s.flag && strings.HasPrefix(s.flag, path+".") {
			return "; did you mean " + name + "?"
		}
	}
	if !strings.Contains(path, ".") {
		for name := range f.groups {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return nearest.Hint(path, names)
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// quoteOdd quotes a key that would not be readable in the middle of a line.
func quoteOdd(path string) string {
	plain := path != "" && strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
	if plain && len(path) <= 100 {
		return path
	}
	return quoteValue(redact(path)) // before it is cut
}
