//go:build !unix

package server

// waitUntilGone knows no way to look here: a query runs to its end, and its
// first write shows that the client has left.
func (c *conn) waitUntilGone(stop <-chan struct{}, gone func()) { <-stop }
