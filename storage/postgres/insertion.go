package postgres

import (
	"strings"

	"stormdrain/internal/alert"
)

// insertion gathers rows of one dictionary, column by column, for one INSERT.
type insertion struct {
	kind    alert.EntryKind
	rows    int
	columns []column
}

// column is an array that grows; its header is written when it is complete.
type column struct {
	name    string
	element uint32
	array   uint32
	values  array
}

func newInsertion(kind alert.EntryKind) *insertion {
	text := func(name string) column { return column{name: name, element: oidText, array: oidTextArray} }
	jsonb := func(name string) column { return column{name: name, element: oidJSONB, array: oidJSONBArray} }
	extra := column{name: "extra", element: oidJSON, array: oidJSONArray}
	r := &insertion{kind: kind, columns: []column{{name: "identity", element: oidUUID, array: oidUUIDArray}}}
	switch kind {
	case alert.KindLabelSet:
		fingerprint := column{name: "fingerprint", element: oidInt8, array: oidInt8Array}
		r.columns = append(r.columns, fingerprint, text("alertname"), text("severity"), jsonb("labels"))
	case alert.KindDetails:
		r.columns = append(r.columns, jsonb("annotations"), text("generator_url"), extra)
	case alert.KindEnvelope:
		r.columns = append(r.columns, text("receiver"), text("group_key"), jsonb("group_labels"), text("external_url"), extra)
	}
	return r
}

// add decodes the content of one entry into the columns.
func (r *insertion) add(id alert.ID, content []byte) error {
	col := func(i int) *array { return &r.columns[i].values }
	switch r.kind {
	case alert.KindLabelSet:
		s, err := alert.DecodeLabelSet(content)
		if err != nil {
			return err
		}
		col(1).int8(int64(s.Fingerprint))
		col(2).text(alert.Value(s.Labels, "alertname"))
		col(3).text(alert.Value(s.Labels, "severity"))
		col(4).pairs(s.Labels)
	case alert.KindDetails:
		d, err := alert.DecodeDetails(content)
		if err != nil {
			return err
		}
		col(1).pairs(d.Annotations)
		col(2).text(d.GeneratorURL)
		col(3).json(d.Extra)
	case alert.KindEnvelope:
		e, err := alert.DecodeEnvelope(content)
		if err != nil {
			return err
		}
		col(1).text(e.Receiver)
		col(2).text(e.GroupKey)
		col(3).pairs(e.GroupLabels)
		col(4).text(e.ExternalURL)
		col(5).json(e.Extra)
	default:
		return errUnknownKind
	}
	col(0).uuid(&id)
	r.rows++
	return nil
}

// statement returns an INSERT of all rows in the order they were added, which
// returns number and identity of what it wrote. A row that is there already is
// an error, or left out when patient: that costs three times as much, for every
// row is then announced before it is written.
func (r *insertion) statement(patient bool) (string, arguments) {
	var a arguments
	var names, values []string
	for i := range r.columns {
		c := &r.columns[i]
		names = append(names, c.name)
		values = append(values, a.add(c.array, c.finish(r.rows)))
	}
	sql := `INSERT INTO ` + tableOf(r.kind) + ` (` + strings.Join(names, ", ") + `)
		SELECT * FROM unnest(` + strings.Join(values, ", ") + `)`
	if patient {
		sql += ` ON CONFLICT (identity) DO NOTHING`
	}
	return sql + ` RETURNING id, identity`, a
}

// finish returns the array with its header.
func (c *column) finish(rows int) []byte {
	return append(newArray(c.element, rows).buf, c.values.buf...)
}
