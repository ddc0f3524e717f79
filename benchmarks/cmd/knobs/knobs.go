package main

import (
	"slices"
	"strings"

	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/report"
)

// knob is a setting and the loads that it could matter for.
type knob struct {
	report.Knob
	loads []load
}

// load is one kind of traffic onto one store.
type load struct {
	store    string // of measure.Stores, or none
	kind     string // as measure.ParseCase reads it
	constant bool   // at a constant rate, of what package load sends; kind is "" then
	rows     string // which of a store's benchmarks, instead of traffic
}

const (
	pg   = "postgres"
	lite = "sqlite"
	none = "" // the ceiling
)

// Settings of PostgreSQL are those of the private server that the benchmark
// starts; all others are flags of the program.
const postgresPrefix = "postgres: "

// copying is no setting: it is which of two ways to write rows there is.
const copying = "rows to Postgres"

// sockets are no setting: each is an option of the ceiling's connections, which is where
// one would be worth most.
const (
	sockets     = "socket options"
	plainSocket = "as Go has them"
)

// knobs are all of them. The default is a run without the flag.
func knobs() []knob {
	k := func(setting, about string, standard string, values ...string) report.Knob {
		return report.Knob{Setting: setting, About: about, Default: standard, Values: values}
	}
	return []knob{
		{k("tuning.gogc", "How much garbage, in percent of what is alive, there may be before it is collected: memory against processor time.",
			"50", "25", "50", "100", "200"),
			[]load{{store: pg, kind: "storm/10"}, {store: pg, kind: "hard/100"}}},
		{k("tuning.memory_limit", "Above it the collector works as hard as it has to, whatever gogc says. With nothing else on the machine the default is never met here.",
			"80 % of the machine", "128MiB", "160MiB", "80 % of the machine"),
			[]load{{store: pg, kind: "hard/100"}}},
		{k("tuning.gomaxprocs", "Processors at a time. 0 is all that there are: where that is one of the others, those two lines are the same program, and differ by noise.",
			"0", "1", "2", "4", "0"),
			[]load{{store: pg, kind: "storm/10"}}},
		{k("storage.batch_rows", "Rows in a transaction: fewer commits against memory and longer transactions.",
			"5000", "500", "5000", "20000"),
			[]load{{store: pg, kind: "storm/10"}, {store: lite, kind: "storm/10"}, {store: pg, kind: "hard/100"}}},
		{k("storage.flush_interval", "Longest wait for a batch to fill, so how late an event can be asked for, against commits where little comes in.",
			"100ms", "10ms", "100ms", "1s"),
			[]load{{store: pg, kind: "storm/10"}, {store: pg, constant: true}}},
		{k("pipeline.ring_size", "Deliveries between the journal's reader and the store: room to work ahead against memory.",
			"1024", "64", "1024", "8192"),
			[]load{{store: pg, kind: "storm/100"}}},
		{k("app.max_workers", "Workers that prepare rows. 0 is one for each processor, four at most.",
			"0", "1", "4", "0"),
			[]load{{store: pg, kind: "storm/100"}}},
		{k("pipeline.intern_max_bytes", "Memory for label sets and annotations that were seen before: a set that is not there is decoded, journaled and looked for in the store again.",
			"32MiB", "4MiB", "32MiB", "128MiB"),
			[]load{{store: pg, kind: "mix"}, {store: pg, kind: "hard/100"}}},
		{k("pipeline.body_cache_bytes", "Whole bodies that were seen before. No body comes twice in this load, so this is what the cache costs, not what it is worth.",
			"8MiB", "0", "8MiB"),
			[]load{{store: pg, kind: "storm/10"}}},
		{k("journal.segment_bytes", "Size of a file of the journal: a new one repeats the sets that its deliveries refer to, an old one goes only when all of it is stored.",
			"64MiB", "8MiB", "64MiB", "256MiB"),
			[]load{{store: pg, kind: "hard/100"}}},
		{k("database.max_connections", "Connections to Postgres, for the one writer and all readers. Nobody reads here.",
			"4", "2", "4", "8"),
			[]load{{store: pg, kind: "storm/10"}}},
		{k(postgresPrefix+"wal_compression", "Pages in Postgres' own log, the first time that they change after a checkpoint: bytes to write against its processor time. Each run begins after a checkpoint, which is where this matters most.",
			"off", "off", "lz4", "pglz"),
			[]load{{store: pg, kind: "hard/100"}}},
		{k(postgresPrefix+"shared_buffers", "Postgres' own cache of pages, here for the indexes of the dictionaries.",
			"128MB", "128MB", "512MB"),
			[]load{{store: pg, kind: "hard/100"}}},
		{k(sockets, "Options of a connection, at the ceiling, where nothing but reading and answering takes time. Go sets TCP_NODELAY, and leaves the rest to the kernel.",
			plainSocket, plainSocket, "TCP_NODELAY=0", "TCP_QUICKACK=1", "SO_RCVBUF=32KiB", "SO_RCVBUF=1MiB"),
			[]load{{store: none, kind: "storm/10"}, {store: none, kind: "storm/100"}, {store: none, constant: true}}},
		{k(copying, "How a batch of 5 000 known events becomes a COPY: encoded by us in its binary format, or by pgx.CopyFrom (`BenchmarkWrite` of the store).",
			ownCopy, ownCopy, pgxCopy),
			[]load{{store: pg, rows: "^entries=known$"}}},
	}
}

// Names of benchmarks, and what they are here.
const (
	ownCopy = "by us"
	pgxCopy = "pgx.CopyFrom"
)

var copies = map[string]string{"entries=known": ownCopy, "entries=known/rows=pgx": pgxCopy}

// ofPostgres returns the name of a setting of the database's own.
func (k *knob) ofPostgres() (name string, ok bool) {
	return strings.CutPrefix(k.Setting, postgresPrefix)
}

// target is the program with a value. The default is the program as it is, so
// that a default which changed is measured, and not what this list says.
func (k *knob) target(store, value string) measure.Target {
	t := measure.Target{Name: report.Durable, Ack: "fsync", Store: store}
	switch store {
	case lite:
		t.Name = report.DurableSQLite
	case none:
		t = measure.Target{Name: report.Ceiling}
		if value != k.Default {
			t.Flags = []string{"-socket=" + value}
		}
		return t
	}
	if _, database := k.ofPostgres(); !database && value != k.Default {
		t.Flags = []string{"--" + strings.ReplaceAll(k.Setting, "_", "-") + "=" + value}
	}
	return t
}

// turns are the values in the order of a round: each begins with another one, so
// that none is always the first after what came before.
func (k *knob) turns(round int) []string {
	first := (round - 1) % len(k.Values)
	return slices.Concat(k.Values[first:], k.Values[:first])
}

// runs is how many servers a round starts.
func (k *knob) runs() (n int) {
	for _, l := range k.loads {
		if l.rows == "" {
			n += len(k.Values)
		}
	}
	return n
}
