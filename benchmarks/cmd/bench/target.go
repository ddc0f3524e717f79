package main

import (
	"strings"

	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/report"
)

func targets() []measure.Target {
	return []measure.Target{
		{Name: report.Ceiling},
		{Name: report.DiskCeiling, Disk: true},
		{Name: report.Before, Variant: "before", Store: "postgres"},
		{Name: report.After, Variant: "after", Store: "postgres"},
		{Name: report.Durable, Ack: "fsync", Store: "postgres"},
		{Name: report.DurableSQLite, Ack: "fsync", Store: "sqlite"},
		{Name: report.Alone, Ack: "fsync", Store: "postgres", Flags: []string{"--storage.episodes=false"}},
		{Name: report.AloneSQLite, Ack: "fsync", Store: "sqlite", Flags: []string{"--storage.episodes=false"}},
		{Name: "memory, Postgres", Ack: "memory", Store: "postgres"},
		{Name: "memory, SQLite", Ack: "memory", Store: "sqlite"},
		{Name: "commit, Postgres", Ack: "commit", Store: "postgres"},
		{Name: "commit, SQLite", Ack: "commit", Store: "sqlite"},
	}
}

func allTargets() string {
	var names []string
	for _, t := range targets() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ";")
}
