//go:build !linux

package doctor

import (
	"errors"
	"os"
)

var errNotLinux = errors.New("only on Linux")

func syncData(f *os.File) error { return f.Sync() }

func (Here) FileSystem(string) (string, error) { return "", errNotLinux }
func (Here) Free(string) (int64, error)        { return 0, errNotLinux }
func (Here) ClockSynchronised() (bool, error)  { return false, errNotLinux }
