// Package doctor says whether a machine and a store are fit for the load: a line
// a check, with what was found, what is wanted and what mends it. It needs no
// rights beyond those of the program, and leaves nothing behind.
package doctor

import (
	"context"
	"time"

	"stormdrain/tuning"
)

// Status is the outcome of a check.
type Status string

const (
	OK   Status = "ok"
	Warn Status = "warn" // works, and will not be good
	Fail Status = "fail" // does not work, or alerts are not safe
)

// Result is one line.
type Result struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Found  string `json:"found"`
	Wanted string `json:"wanted,omitempty"`
	Remedy string `json:"remedy,omitempty"` // a command or a setting that mends it
}

// Machine is what the checks ask about the machine. An error says why something
// cannot be known.
type Machine interface {
	NoFile() (hard uint64, err error)
	ReadFile(path string) (string, error) // of /proc and /sys
	Limits() tuning.Limits
	CPUs() int
	// Syncs writes and syncs n blocks in a folder, and returns how long each took.
	Syncs(folder string, n int) ([]time.Duration, error)
	FileSystem(folder string) (kind string, err error)
	Free(folder string) (bytes int64, err error)
	ClockSynchronised() (bool, error)
	// Listen tries to listen, and stops again.
	Listen(address string) error
	// Ours reports whether a stormdrain answers there.
	Ours(address string) bool
	// Mode returns the permission bits of a file.
	Mode(path string) (uint32, error)
}

// Plan is what the program would do here.
type Plan struct {
	Folder         string // data.dir, or its nearest parent that is there
	DataDir        string
	Listen         []string
	MaxConnections int
	JournalBytes   int64         // at most
	SegmentBytes   int64         // what the journal cannot work without
	MemoryBytes    int64         // bodies in work, and caches
	RequestTimeout time.Duration // an answer that takes longer is none
	SecretFiles    []SecretFile

	Store    string   // what the store is, in words, without a password
	Postgres Postgres // nil: another store
	Pool     int      // database.max_connections
}

// SecretFile is a file with a secret, and the key of the configuration that names it.
type SecretFile struct{ Key, Path string }

// Examine makes every check, in the order in which one would mend things.
func Examine(ctx context.Context, m Machine, p *Plan) []Result {
	results := []Result{
		checkNoFile(m, p), checkBacklog(m), checkCPUs(m), checkMemory(m, p), checkClock(m), checkHugePages(m),
		checkFileSystem(m, p), checkSpace(m, p), checkSync(m, p),
	}
	for _, address := range p.Listen {
		results = append(results, checkPort(m, address))
	}
	for _, f := range p.SecretFiles {
		results = append(results, checkSecret(m, f))
	}
	if p.Postgres == nil {
		return append(results, Result{"store", OK, p.Store, "", ""})
	}
	return append(results, checkPostgres(ctx, p)...)
}

// Worst is the status of all results together.
func Worst(results []Result) Status {
	worst := OK
	for _, r := range results {
		if r.Status == Fail || r.Status == Warn && worst == OK {
			worst = r.Status
		}
	}
	return worst
}

// unknown is the result of a check that could not look.
func unknown(check string, err error) Result {
	return Result{check, Warn, "cannot be found out: " + err.Error(), "", ""}
}
