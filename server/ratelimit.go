package server

import (
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"
)

// limitRate refuses what comes too fast, before anything is read of it. Never
// with 429: Alertmanager takes that for final.
func (s *Server) limitRate(g *guard) middleware {
	return func(next fasthttp.RequestHandler) fasthttp.RequestHandler {
		return func(ctx *fasthttp.RequestCtx) {
			if g.limit(clientOf(ctx)) {
				next(ctx)
				return
			}
			s.flood.failed(s.Log, g.limitLine)
			s.refuse(ctx, fasthttp.StatusServiceUnavailable, g.limitLine)
		}
	}
}

// clientOf is the address of the other end. What a proxy says of its clients is
// not believed: anybody could say it.
func clientOf(ctx *fasthttp.RequestCtx) netip.Addr {
	if tcp, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.IPv6Unspecified() // a listener that is not TCP has one client
}
