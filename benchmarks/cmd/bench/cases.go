package main

import (
	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/report"
)

// measures says whether a target is measured under a load. All are under the
// first one; under the others those that a question hangs on.
func (o *options) measures(t measure.Target, c report.Case) bool {
	switch {
	case t.Name == report.Ceiling || o.full || c == o.cases[0]:
		return true
	case report.IsReference(t.Name):
		return c.Mode == report.Storm && !o.quick
	case t.Name == report.DurableSQLite:
		return !o.quick
	case t.Name == report.Alone || t.Name == report.AloneSQLite:
		return c == report.Case{Mode: report.Storm, Alerts: 100} && !o.quick
	}
	return t.Name == report.Durable
}
