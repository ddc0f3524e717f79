//go:build !linux

package server

// goodbye knows no way to look here: a query for a client that has left a TLS
// connection runs to its end.
func goodbye(int) bool { return false }
