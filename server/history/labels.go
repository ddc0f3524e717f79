package history

import (
	"stormdrain/internal/alert"
)

// LabelNames are the parameters of /api/v1/labels and of a label's values.
func LabelNames() []string { return []string{"prefix", "limit"} }

// Labels returns the question for names of labels, or for the values of one.
func (p *Params) Labels(name string) (*alert.LabelQuery, error) {
	c, _, err := p.Conditions()
	if err != nil {
		return nil, err
	}
	return &alert.LabelQuery{Name: name, Prefix: p.prefix, Limit: c.Limit}, nil
}

// AppendLabels appends names or values as Prometheus answers with them.
func AppendLabels(dst []byte, words []string) []byte {
	dst = append(dst, `{"status":"success","data":`...)
	return append(appendTexts(dst, words), '}')
}
