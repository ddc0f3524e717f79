package alertmanager

import (
	"regexp"
	"slices"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// resolveTimeout is Alertmanager's default of that name, in microseconds: an alert
// that fires without an end is given as one that ends so long from now.
const resolveTimeout = 5 * 60 * 1_000_000

// Shows reports whether the answer has e, an episode that fires at the moment.
func (q *Query) Shows(e *alert.Episode, by Suppression) bool {
	switch {
	case !q.Active && !by.Is(),
		!q.Silenced && len(by.Silences) > 0,
		!q.Inhibited && len(by.Inhibiting) > 0:
		return false
	}
	return q.Receiver == nil || slices.ContainsFunc(e.Receivers, func(name string) bool {
		return name != "" && q.Receiver.MatchString(receiverName(name))
	})
}

// AppendAlert appends a gettableAlert. annotations, generatorURL and the receivers
// are those of the last receipt, also where the moment is in the past.
func (q *Query) AppendAlert(dst []byte, e *alert.Episode, by Suppression) []byte {
	dst = append(dst, `{"annotations":`...)
	dst = events.AppendPairs(dst, e.Details.Annotations)
	dst = append(dst, `,"endsAt":"`...)
	dst = events.AppendMicros(dst, q.Moment+resolveTimeout)
	dst = append(dst, `","fingerprint":"`...)
	dst = alert.AppendFingerprint(dst, e.Labels.Fingerprint)
	dst = append(dst, `","receivers":[`...)
	dst = appendReceivers(dst, e.Receivers)
	dst = append(dst, `],"startsAt":`...)
	dst = events.AppendTime(dst, e.StartsAt)
	dst = append(dst, `,"status":`...)
	dst = by.append(dst)
	dst = append(dst, `,"updatedAt":"`...)
	dst = events.AppendMicros(dst, min(e.LastReceivedAt, q.Moment))
	dst = append(dst, '"')
	if e.Details.GeneratorURL != "" { // as Alertmanager does: an empty one is no URI
		dst = events.AppendMember(dst, "generatorURL", e.Details.GeneratorURL)
	}
	dst = append(dst, `,"labels":`...)
	dst = events.AppendPairs(dst, e.Labels.Labels)
	return append(dst, '}')
}

func appendReceivers(dst []byte, names []string) []byte {
	first := true
	for _, name := range names {
		if name == "" {
			continue // it was posted, by no Alertmanager
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendReceiver(dst, name)
	}
	return dst
}

func appendReceiver(dst []byte, name string) []byte {
	dst = append(dst, `{"name":`...)
	dst = events.AppendString(dst, receiverName(name))
	return append(dst, '}')
}

// receiverName undoes what Alertmanager does to the name in a webhook, where it
// stands as a regular expression.
func receiverName(sent string) string {
	if strings.IndexByte(sent, '\\') < 0 {
		return sent
	}
	var plain strings.Builder
	for i := 0; i < len(sent); i++ {
		if sent[i] == '\\' && i+1 < len(sent) {
			i++
		}
		plain.WriteByte(sent[i])
	}
	if regexp.QuoteMeta(plain.String()) != sent {
		return sent // another sender's, who does not quote
	}
	return plain.String()
}

// Receivers collects the names of receivers.
type Receivers map[string]bool

// Add notes the receivers of e.
func (r Receivers) Add(e *alert.Episode) {
	for _, name := range e.Receivers {
		if name != "" {
			r[name] = true
		}
	}
}

// Append appends the list of receivers, by name.
func (r Receivers) Append(dst []byte) []byte {
	names := make([]string, 0, len(r))
	for name := range r {
		names = append(names, name)
	}
	slices.Sort(names)
	return append(appendReceivers(append(dst, '['), names), ']')
}
