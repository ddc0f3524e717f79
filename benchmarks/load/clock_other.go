//go:build !linux

package load

import "time"

func newClock() (sleep func(time.Duration), stop func()) { return time.Sleep, func() {} }
