package pipeline

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-json"

	"stormdrain/internal/alert"
)

// wireMessage is a body as Alertmanager (0.16 to 0.34) and Grafana send it,
// with every value left as the JSON that it was. go-json writes into the
// capacity of the raw values, so that a message that is used again costs nothing.
//
// Extra are the members that have no field here, as members of an object
// without its braces: `"title":"…","orgId":1`.
type wireMessage struct {
	Receiver           json.RawMessage `json:"receiver"`
	Status             json.RawMessage `json:"status"`
	Alerts             []wireAlert     `json:"alerts"`
	NotificationReason json.RawMessage `json:"notification_reason"` // since 0.32
	GroupLabels        json.RawMessage `json:"groupLabels"`
	CommonLabels       json.RawMessage `json:"commonLabels"`
	CommonAnnotations  json.RawMessage `json:"commonAnnotations"`
	RouteLabels        json.RawMessage `json:"routeLabels"` // since 0.34
	ExternalURL        json.RawMessage `json:"externalURL"`
	Version            json.RawMessage `json:"version"`
	GroupKey           json.RawMessage `json:"groupKey"`
	TruncatedAlerts    json.RawMessage `json:"truncatedAlerts"`

	extra []byte
}

type wireAlert struct {
	Status       json.RawMessage `json:"status"`
	Labels       json.RawMessage `json:"labels"`
	Annotations  json.RawMessage `json:"annotations"`
	StartsAt     json.RawMessage `json:"startsAt"`
	EndsAt       json.RawMessage `json:"endsAt"`
	GeneratorURL json.RawMessage `json:"generatorURL"`
	Fingerprint  json.RawMessage `json:"fingerprint"`

	extra []byte
	// whole is the element as it was sent. It points into the body, and only
	// the careful way sets it.
	whole []byte
}

type wireField struct {
	name  string
	value *json.RawMessage
}

func (m *wireMessage) fields() [11]wireField {
	return [...]wireField{
		{"receiver", &m.Receiver}, {"status", &m.Status}, {"notification_reason", &m.NotificationReason},
		{"groupLabels", &m.GroupLabels}, {"commonLabels", &m.CommonLabels}, {"commonAnnotations", &m.CommonAnnotations},
		{"routeLabels", &m.RouteLabels}, {"externalURL", &m.ExternalURL}, {"version", &m.Version},
		{"groupKey", &m.GroupKey}, {"truncatedAlerts", &m.TruncatedAlerts},
	}
}

func (a *wireAlert) fields() [7]wireField {
	return [...]wireField{
		{"status", &a.Status}, {"labels", &a.Labels}, {"annotations", &a.Annotations}, {"startsAt", &a.StartsAt},
		{"endsAt", &a.EndsAt}, {"generatorURL", &a.GeneratorURL}, {"fingerprint", &a.Fingerprint},
	}
}

// reset keeps capacity and nothing else: an element behind the length would
// hand its old labels to an alert that has none.
func (m *wireMessage) reset() {
	for _, f := range m.fields() {
		*f.value = (*f.value)[:0]
	}
	all := m.Alerts[:cap(m.Alerts)]
	for i := range all {
		all[i].reset()
	}
	m.Alerts = all[:0]
	m.extra = m.extra[:0]
}

func (a *wireAlert) reset() {
	for _, f := range a.fields() {
		*f.value = (*f.value)[:0]
	}
	a.extra = a.extra[:0]
	a.whole = nil
}

// decode reads a body without white space around it into m, which must be reset. The body is only read, and
// nothing in m but wireAlert.whole points into it afterwards.
//
// First go-json decodes into the fields that we know. It says nothing about
// members that we do not know, so the lengths are added up: when the body is
// exactly as long as its known members written without white space, then there
// is nothing else in it. That holds for every body of every Alertmanager.
// Anything longer, and anything with a value of the wrong type, is walked again
// member by member.
func (m *wireMessage) decode(body []byte) error {
	err := json.UnmarshalWithOption(body, m, json.DecodeNoCopyString())
	if err == nil && len(m.Alerts) > 0 && m.compactLength() == len(body) {
		return nil
	}
	if err != nil && !json.Valid(body) {
		return syntaxError(body, `a JSON object with "alerts"`)
	}
	m.reset()
	return m.walk(body)
}

// compactLength is the length of m's known members as JSON without white space.
func (m *wireMessage) compactLength() int {
	n := len(`{"alerts":[]}`) + max(len(m.Alerts)-1, 0)
	for _, f := range m.fields() {
		if len(*f.value) > 0 {
			n += len(`,"":`) + len(f.name) + len(*f.value)
		}
	}
	for i := range m.Alerts {
		n += m.Alerts[i].compactLength()
	}
	return n
}

func (a *wireAlert) compactLength() int {
	n, count := len(`{}`), 0
	for _, f := range a.fields() {
		if len(*f.value) > 0 {
			n += len(`"":`) + len(f.name) + len(*f.value)
			count++
		}
	}
	return n + max(count-1, 0)
}

// walk is the careful way: valid JSON of any shape, member by member.
func (m *wireMessage) walk(body []byte) error {
	if len(body) > 0 && body[0] == '[' {
		return shapeError("the body is an array; expected an object with \"alerts\", as Alertmanager's webhook_configs sends it; the array of a Prometheus goes to /api/v2/alerts")
	}
	if len(body) == 0 || body[0] != '{' {
		return shapeError("the body is %s; expected an object with \"alerts\", as Alertmanager's webhook_configs sends it", describe(body))
	}
	var alerts []byte
	var scratch []byte
	fields := m.fields()
	for name, value := range members(body) {
		scratch = appendUnquoted(scratch[:0], name)
		if strings.EqualFold(string(scratch), "alerts") {
			alerts = value
			continue
		}
		if !assign(fields[:], scratch, value) {
			m.extra = appendMember(m.extra, name, value)
		}
	}
	switch {
	case alerts == nil:
		return shapeError("no \"alerts\" in the object; is this Alertmanager's webhook, or another one?")
	case alerts[0] != '[':
		return shapeError("\"alerts\" is %s; expected an array", describe(alerts))
	}
	for element := range elements(alerts) {
		m.appendAlert(element, scratch)
	}
	return nil
}

func (m *wireMessage) appendAlert(element, scratch []byte) {
	if len(m.Alerts) < cap(m.Alerts) {
		m.Alerts = m.Alerts[:len(m.Alerts)+1]
	} else {
		m.Alerts = append(m.Alerts, wireAlert{})
	}
	a := &m.Alerts[len(m.Alerts)-1]
	a.whole = element
	if element[0] != '{' {
		return
	}
	fields := a.fields()
	for name, value := range members(element) {
		scratch = appendUnquoted(scratch[:0], name)
		if !assign(fields[:], scratch, value) {
			a.extra = appendMember(a.extra, name, value)
		}
	}
}

// assign copies value to the field of that name, which is compared as
// encoding/json does: without case. The last of several wins.
func assign(fields []wireField, name, value []byte) bool {
	for _, f := range fields {
		if len(f.name) == len(name) && f.name == string(name) || strings.EqualFold(f.name, string(name)) {
			*f.value = append((*f.value)[:0], value...)
			return true
		}
	}
	return false
}

func appendMember(dst, name, value []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, name...)
	dst = append(dst, ':')
	return append(dst, value...)
}

// syntaxError says where the JSON is wrong, by encoding/json, whose errors
// carry an offset.
func syntaxError(body []byte, expected string) error {
	if len(body) == 0 {
		return &alert.RefusedError{Reason: "syntax", Detail: "the body is empty; expected " + expected}
	}
	var any stdjson.RawMessage
	err := stdjson.Unmarshal(body, &any)
	var syntax *stdjson.SyntaxError
	if errors.As(err, &syntax) {
		return &alert.RefusedError{Reason: "syntax", Detail: fmt.Sprintf("not JSON: %v, at byte %d of %d", syntax, syntax.Offset, len(body))}
	}
	return &alert.RefusedError{Reason: "syntax", Detail: "not JSON that can be read; is it nested too deeply?"}
}

func shapeError(format string, args ...any) error {
	return &alert.RefusedError{Reason: "shape", Detail: fmt.Sprintf(format, args...)}
}

// describe names the type of a JSON value.
func describe(value []byte) string {
	if len(value) == 0 {
		return "empty"
	}
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
