package systemd

import (
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notify sends one message. That nobody takes it is no reason for anything: the
// manager draws its own conclusions.
func notify(message string) { _, _ = daemon.SdNotify(false, message) }

// wanted reports whether a service manager listens to us.
func wanted() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// watchdogInterval is how long the manager waits for a sign of life before it
// ends the process; 0: for ever. It is ours only if it was meant for this process.
func watchdogInterval() time.Duration {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return interval
}

// reloading is what systemd wants to hear at the beginning of a reload: the time
// tells it which of several reloads the READY=1 behind it belongs to.
func reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail for this clock
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000)
}
