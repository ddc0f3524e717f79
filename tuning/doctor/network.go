package doctor

import (
	"errors"
	"fmt"
	"syscall"
)

func checkPort(m Machine, address string) Result {
	const name = "port"
	err := m.Listen(address)
	r := Result{name, OK, address + " is free", "", ""}
	switch {
	case err == nil:
	case errors.Is(err, syscall.EADDRINUSE) && m.Ours(address):
		r.Found = "a stormdrain runs on " + address + " already"
	case errors.Is(err, syscall.EADDRINUSE):
		r.Status, r.Found, r.Wanted = Fail, "somebody else listens on "+address, "a free port"
		r.Remedy = fmt.Sprintf("ss -tlnp 'sport = :%s' tells who; or another --web.listen-address", portOf(address))
	case errors.Is(err, syscall.EACCES):
		r.Status, r.Found, r.Wanted = Fail, address+" may not be used by this user", "a port above 1023, or the right to use it"
		r.Remedy = "AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit, or another --web.listen-address"
	default:
		r.Status, r.Found, r.Wanted, r.Remedy = Fail, err.Error(), "an address of this machine", "another --web.listen-address"
	}
	return r
}

func checkSecret(m Machine, f SecretFile) Result {
	const name = "secret"
	mode, err := m.Mode(f.Path)
	if err != nil {
		return Result{name, Fail, f.Key + ": " + err.Error(), "a file that can be read", "make it, chmod 600 " + f.Path + ", or correct " + f.Key}
	}
	if mode&0o007 != 0 {
		return Result{name, Warn, fmt.Sprintf("%s can be read by everybody (mode %04o)", f.Path, mode), "0600", "chmod 600 " + f.Path}
	}
	return Result{name, OK, fmt.Sprintf("%s, mode %04o", f.Path, mode), "", ""}
}
