package doctor

import (
	"fmt"
	"slices"
	"time"
)

// checkFileSystem warns of those on which a promise is not what it seems.
func checkFileSystem(m Machine, p *Plan) Result {
	const name = "file system"
	kind, err := m.FileSystem(p.Folder)
	if err != nil {
		return unknown(name, err)
	}
	why := map[string]string{
		"tmpfs":   "is memory: what is acknowledged is gone after a restart of the machine",
		"ramfs":   "is memory: what is acknowledged is gone after a restart of the machine",
		"nfs":     "is a network's: a lock may not hold, a sync takes as long as the server does, and SQLite is not safe on it",
		"smb":     "is a network's: a lock may not hold, a sync takes as long as the server does, and SQLite is not safe on it",
		"fuse":    "may promise a sync and not do one",
		"overlay": "is the container's own layer: it goes with the container",
	}[kind]
	r := Result{name, OK, fmt.Sprintf("%s, %s", kind, p.Folder), "", ""}
	if why != "" {
		r.Status, r.Found, r.Wanted = Warn, r.Found+": "+why, "a local disk (ext4, xfs)"
		r.Remedy = "--data.dir on a disk or a volume that lasts"
	}
	return r
}

func checkSpace(m Machine, p *Plan) Result {
	const name = "free space"
	free, err := m.Free(p.Folder)
	if err != nil {
		return unknown(name, err)
	}
	r := Result{name, OK, size(free), "", ""}
	if free < p.JournalBytes {
		r.Status, r.Wanted = Warn, size(p.JournalBytes)+", what the journal may take while the store is down (journal.max_bytes)"
		r.Remedy = fmt.Sprintf("a larger disk, or --journal.max-bytes=%d", free/2)
	}
	if free < 2*p.SegmentBytes {
		r.Status, r.Remedy = Fail, "a larger disk"
	}
	return r
}

const (
	syncs = 200
	// slowSync at the 99th percentile shows in every answer; with badSync senders
	// give up before they have one.
	slowSync = 20 * time.Millisecond
	// lyingSync: no disk is that fast. Its cache takes the data, and loses it with
	// the power unless it has a battery.
	lyingSync = 15 * time.Microsecond
)

func checkSync(m Machine, p *Plan) Result {
	const name = "fdatasync"
	took, err := m.Syncs(p.Folder, syncs)
	if err != nil {
		return Result{name, Fail, err.Error(), "a folder that can be written", "mkdir -p " + p.DataDir + " && chown of it to the user that stormdrain runs as"}
	}
	slices.Sort(took)
	half, most := took[len(took)/2], took[len(took)*99/100]
	r := Result{name, OK, fmt.Sprintf("p50 %s, p99 %s, %s", short(half), short(most), p.Folder), "", ""}
	switch {
	case most > p.RequestTimeout/2:
		r.Status = Fail
	case most > slowSync:
		r.Status = Warn
	case half < lyingSync:
		r.Status, r.Wanted = Warn, "a disk: this is too fast for one, so what is acknowledged may not outlive a power cut"
		r.Remedy = "--data.dir on a disk; or a cache with a battery"
		return r
	}
	if r.Status != OK {
		r.Wanted, r.Remedy = fmt.Sprintf("a p99 below %s: every acknowledgement waits for one", short(slowSync)), "--data.dir on a faster disk (SSD, NVMe), which nobody else keeps busy"
	}
	return r
}

func short(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	case d > 100*time.Microsecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
