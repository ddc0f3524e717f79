package pipeline

import (
	"bytes"
	"cmp"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"

	"stormdrain/internal/alert"
)

// A key is what a dictionary entry is looked up by: the raw JSON values that
// make it up, one behind the other, absent stands for a missing one. JSON values
// end by themselves, so two different sequences never make the same key.
//
//	label set  labels, fingerprint
//	details    annotations, generatorURL, extra
//	envelope   receiver, groupKey, groupLabels, externalURL, extra
//
// Many keys can stand for one content (order, escapes); what is stored and
// compared across processes is the canonical form.
const absent = '-'

func appendPart(key, raw []byte) []byte {
	if len(raw) == 0 {
		return append(key, absent)
	}
	return append(key, raw...)
}

func appendExtraPart(key, extraMembers []byte) []byte {
	if len(extraMembers) == 0 {
		return append(key, absent)
	}
	key = append(key, '{')
	key = append(key, extraMembers...)
	return append(key, '}')
}

// appendFingerprintPart leaves out what cannot be a fingerprint: it is computed.
func appendFingerprintPart(key, raw []byte) []byte {
	if _, ok := readFingerprint(raw); !ok {
		return append(key, absent)
	}
	return append(key, raw...)
}

// nextPart cuts the first value off a key: nil when it is absent or null.
func nextPart(key []byte) (part, rest []byte) {
	if len(key) == 0 {
		return nil, nil
	}
	if key[0] == absent {
		return nil, key[1:]
	}
	end := skipValue(key, 0)
	if key[0] == 'n' { // null, and what follows has no delimiter before it
		end = len("null")
	}
	part, rest = key[:end], key[end:]
	if key[0] == 'n' {
		part = nil
	}
	return part, rest
}

// typeError says that a value is not of the type that its place asks for.
type typeError struct{ place, found string }

func (e *typeError) Error() string {
	return fmt.Sprintf("%s is %s", e.place, e.found)
}

// canonicalizer turns keys into canonical encodings. It keeps its buffers.
type canonicalizer struct {
	pairs []alert.Pair
	text  []byte // what strings with escapes stand for, one behind the other
}

// canonical appends the canonical encoding of key to dst. It fails when a value
// is of the wrong type, and never for a key that it has accepted once.
func (c *canonicalizer) canonical(dst []byte, kind alert.EntryKind, key []byte) ([]byte, error) {
	c.text = c.text[:0]
	switch kind {
	case alert.KindLabelSet:
		return c.labelSet(dst, key)
	case alert.KindDetails:
		return c.details(dst, key)
	case alert.KindEnvelope:
		return c.envelope(dst, key)
	}
	panic(fmt.Sprintf("BUG: dictionary entry of kind %d", kind))
}

func (c *canonicalizer) labelSet(dst, key []byte) ([]byte, error) {
	labels, key := nextPart(key)
	sent, _ := nextPart(key)
	pairs, err := c.readPairs("labels", labels)
	if err != nil {
		return dst, err
	}
	set := alert.LabelSet{Labels: pairs}
	fp, ok := readFingerprint(sent)
	if !ok {
		fp = alert.Fingerprint(pairs)
	}
	set.Fingerprint = fp
	return set.Append(dst), nil
}

func (c *canonicalizer) details(dst, key []byte) ([]byte, error) {
	annotations, key := nextPart(key)
	generator, key := nextPart(key)
	extra, _ := nextPart(key)
	pairs, err := c.readPairs("annotations", annotations)
	if err != nil {
		return dst, err
	}
	d := alert.Details{Annotations: pairs}
	if d.GeneratorURL, err = c.readString("generatorURL", generator); err != nil {
		return dst, err
	}
	if d.Extra, err = canonicalExtra(extra); err != nil {
		return dst, err
	}
	return d.Append(dst), nil
}

func (c *canonicalizer) envelope(dst, key []byte) ([]byte, error) {
	receiver, key := nextPart(key)
	groupKey, key := nextPart(key)
	groupLabels, key := nextPart(key)
	externalURL, key := nextPart(key)
	extra, _ := nextPart(key)
	pairs, err := c.readPairs("groupLabels", groupLabels)
	if err != nil {
		return dst, err
	}
	e := alert.Envelope{GroupLabels: pairs}
	if e.Receiver, err = c.readString("receiver", receiver); err != nil {
		return dst, err
	}
	if e.GroupKey, err = c.readString("groupKey", groupKey); err != nil {
		return dst, err
	}
	if e.ExternalURL, err = c.readString("externalURL", externalURL); err != nil {
		return dst, err
	}
	if e.Extra, err = canonicalExtra(extra); err != nil {
		return dst, err
	}
	return e.Append(dst), nil
}

// readPairs reads an object of strings in the way of encoding/json into a
// map[string]string: null is "", of two members with one name the last wins.
// The pairs are sorted by name, and views of object and c.text.
func (c *canonicalizer) readPairs(place string, object []byte) ([]alert.Pair, error) {
	c.pairs = c.pairs[:0]
	if object == nil {
		return nil, nil
	}
	if object[0] != '{' {
		return nil, &typeError{place, describe(object)}
	}
	sorted := true
	for name, value := range members(object) {
		p := alert.Pair{Name: c.unquoted(name)}
		switch value[0] {
		case '"':
			p.Value = c.unquoted(value)
		case 'n':
		default:
			return nil, &typeError{fmt.Sprintf("the value of %s in %s", name, place), describe(value)}
		}
		if n := len(c.pairs); n > 0 && c.pairs[n-1].Name >= p.Name {
			sorted = false
		}
		c.pairs = append(c.pairs, p)
	}
	if !sorted {
		c.pairs = sortPairs(c.pairs)
	}
	return c.pairs, nil
}

func sortPairs(pairs []alert.Pair) []alert.Pair {
	slices.SortStableFunc(pairs, func(a, b alert.Pair) int { return cmp.Compare(a.Name, b.Name) })
	kept := pairs[:0]
	for _, p := range pairs {
		if n := len(kept); n > 0 && kept[n-1].Name == p.Name {
			kept[n-1] = p
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// unquoted returns a view of what a string stands for.
func (c *canonicalizer) unquoted(quoted []byte) string {
	if isPlain(quoted) {
		return view(quoted[1 : len(quoted)-1])
	}
	// When text grows it moves; what is in use of the old one stays as it is.
	start := len(c.text)
	c.text = appendUnquoted(c.text, quoted)
	return view(c.text[start:])
}

// readString reads a string, "" for nothing. It returns a view.
func (c *canonicalizer) readString(place string, value []byte) (string, error) {
	if value == nil {
		return "", nil
	}
	if value[0] != '"' {
		return "", &typeError{place, describe(value)}
	}
	return c.unquoted(value), nil
}

// readFingerprint accepts what Alertmanager sends: 16 lower-case hex digits.
func readFingerprint(value []byte) (uint64, bool) {
	if len(value) != 18 || value[0] != '"' {
		return 0, false
	}
	return alert.ParseFingerprint(string(value[1:17]))
}

var errNesting = errors.New("an unknown field is nested too deeply")

// canonicalExtra writes the unknown members in one way: sorted, without white
// space, numbers as they were written.
func canonicalExtra(object []byte) ([]byte, error) {
	if object == nil {
		return nil, nil
	}
	d := stdjson.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, errNesting // the object is valid JSON; what is left is the decoder's limit on depth
	}
	if len(members) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	e := stdjson.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(members); err != nil {
		return nil, errNesting
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}
