package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// besides is how many files the program has open that are no connections of
// senders: journal, store, sockets to Postgres.
const besides = 256

func checkNoFile(m Machine, p *Plan) Result {
	const name = "open files"
	hard, err := m.NoFile()
	if err != nil {
		return unknown(name, err)
	}
	want := uint64(p.MaxConnections + besides)
	r := Result{name, OK, fmt.Sprintf("%d allowed", hard), "", ""}
	if hard == ^uint64(0) || hard >= 1<<62 {
		r.Found = "unlimited"
	}
	if hard < want {
		r.Status, r.Wanted = Warn, fmt.Sprintf("%d, for server.max_connections", want)
		r.Remedy = fmt.Sprintf("LimitNOFILE=%d in the unit, or ulimit -Hn %d before the start; or a smaller server.max_connections", want, want)
	}
	if hard < besides+64 {
		r.Status = Fail
	}
	return r
}

// wantedBacklog is Go's own default for what it asks of listen(2).
const wantedBacklog = 4096

func checkBacklog(m Machine) Result {
	const name, file = "listen backlog", "/proc/sys/net/core/somaxconn"
	text, err := m.ReadFile(file)
	if err != nil {
		return unknown(name, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return unknown(name, fmt.Errorf("%s holds %q", file, text))
	}
	r := Result{name, OK, fmt.Sprintf("somaxconn is %d", n), "", ""}
	if n < wantedBacklog {
		r.Status, r.Wanted = Warn, fmt.Sprintf("%d: connections beyond it are dropped in a storm", wantedBacklog)
		r.Remedy = fmt.Sprintf("sysctl -w net.core.somaxconn=%d", wantedBacklog)
	}
	return r
}

func checkCPUs(m Machine) Result {
	limits := m.Limits()
	r := Result{"processors", OK, fmt.Sprintf("%d, no quota", m.CPUs()), "", ""}
	if limits.CPUs == 0 {
		return r
	}
	r.Found = fmt.Sprintf("%d, quota of %.2f (%s)", m.CPUs(), limits.CPUs, limits.CPUSource)
	if limits.CPUs < 1 {
		r.Status, r.Wanted = Warn, "1 or more: below it the kernel stops the process for most of each period, and every answer waits"
		r.Remedy = "raise the quota (CPUQuota= in the unit, resources.limits.cpu of the pod), or drop it"
	}
	return r
}

// programBytes is what the program takes with every cache empty, generously.
const programBytes = 64 << 20

func checkMemory(m Machine, p *Plan) Result {
	const name = "memory"
	limits := m.Limits()
	if limits.Memory == 0 {
		return Result{name, OK, "no limit found", "", ""}
	}
	r := Result{name, OK, fmt.Sprintf("%s (%s)", size(limits.Memory), limits.MemorySource), "", ""}
	want := (p.MemoryBytes + programBytes) / 4 * 5 // a fifth is not Go's
	if limits.Memory < want {
		r.Status, r.Wanted = Warn, size(want)+", for the caches and pipeline.in_flight_max_bytes"
		r.Remedy = "raise the limit (MemoryMax= in the unit, resources.limits.memory of the pod), or lower pipeline.in_flight_max_bytes"
	}
	if limits.Memory < 2*programBytes {
		r.Status = Fail
	}
	return r
}

// checkHugePages only informs: no setting of it was found to matter.
func checkHugePages(m Machine) Result {
	const name = "huge pages"
	text, err := m.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		return Result{name, OK, "not in this kernel", "", ""}
	}
	_, rest, _ := strings.Cut(text, "[")
	chosen, _, _ := strings.Cut(rest, "]")
	return Result{name, OK, "transparent: " + chosen, "", ""}
}

func checkClock(m Machine) Result {
	const name = "clock"
	synchronised, err := m.ClockSynchronised()
	switch {
	case err != nil:
		return unknown(name, err)
	case !synchronised:
		return Result{name, Warn, "not synchronised", "synchronised: receivedAt is this machine's time", "timedatectl set-ntp true"}
	}
	return Result{name, OK, "synchronised", "", ""}
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", bytes)
}
