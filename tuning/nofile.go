package tuning

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// applyNoFile sets the soft limit of open files. A connection takes one, so the
// usual soft limit of 1024 is what a storm would meet first. A wish above the
// hard limit is tried, which root may do, and cut to the hard limit otherwise.
func applyNoFile(cfg Config) Setting {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return Setting{"nofile", "unknown", fmt.Sprintf("limit not readable: %v", err)}
	}
	wish, source := now.Max, "hard limit"
	if cfg.NoFile > 0 {
		wish, source = uint64(cfg.NoFile), "tuning.nofile"
	}
	if wish > now.Max {
		if err := setNoFile(unix.Rlimit{Cur: wish, Max: wish}); err == nil {
			return noFileSetting(wish, source)
		}
		source = fmt.Sprintf("hard limit, below tuning.nofile (%d)", wish)
		wish = now.Max
	}
	if err := setNoFile(unix.Rlimit{Cur: wish, Max: now.Max}); err != nil {
		return noFileSetting(now.Cur, fmt.Sprintf("not changed to %d: %v", wish, err))
	}
	return noFileSetting(wish, source)
}

func setNoFile(limit unix.Rlimit) error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }

func noFileSetting(n uint64, source string) Setting {
	value := strconv.FormatUint(n, 10)
	if n == unix.RLIM_INFINITY {
		value = "unlimited"
	}
	return Setting{"nofile", value, source}
}
