package fold

import "strings"

// Names has severities in memory once each. They are a sender's choice: long ones
// are not kept, and where there are many each may be in memory several times.
type Names struct{ shared map[string]string }

const (
	maxNameBytes = 64
	maxNames     = 256
)

// Share returns a string that is equal to name and no part of anything larger; false
// for a name that is too long to be kept.
func Share[T string | []byte](n *Names, name T) (string, bool) {
	if len(name) > maxNameBytes {
		return "", false
	}
	if one, ok := n.shared[string(name)]; ok {
		return one, true
	}
	if len(n.shared) >= maxNames || n.shared == nil {
		n.shared = map[string]string{}
	}
	one := strings.Clone(string(name))
	n.shared[one] = one
	return one, true
}
