package server

import (
	"bytes"
	"encoding/base64"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/server/auth"
)

// unverified marks a request that is let in if its body turns out to be signed.
type unverified struct{}

// authenticate lets in whoever shows one of the credentials that are
// configured. A signature is looked at later, when the body is there, and only
// where alerts are taken in: it says nothing about the path.
func (s *Server) authenticate(g *guard, ingest bool) middleware {
	return func(next fasthttp.RequestHandler) fasthttp.RequestHandler {
		return func(ctx *fasthttp.RequestCtx) {
			known, err := g.knows(ctx)
			switch {
			case known:
				next(ctx)
			case err != nil:
				s.refuse(ctx, fasthttp.StatusServiceUnavailable, err.Error()+"; try again")
			case ingest && g.signature != nil && len(ctx.Request.Header.Peek(auth.HeaderSignature)) > 0:
				ctx.SetUserValue(unverified{}, g)
				next(ctx)
			default:
				s.refuse(ctx, fasthttp.StatusUnauthorized, s.unauthorized(ctx, g))
			}
		}
	}
}

// knows reports whether the request has a token or a password that is valid.
// An error says that it could not be found out in time.
func (g *guard) knows(ctx *fasthttp.RequestCtx) (bool, error) {
	scheme, value, _ := bytes.Cut(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization), []byte{' '})
	value = bytes.TrimSpace(value)
	switch {
	case g.bearer != nil && bytes.EqualFold(scheme, []byte("Bearer")):
		return g.bearer.Valid(value), nil
	case g.users != nil && bytes.EqualFold(scheme, []byte("Basic")):
		plain, err := base64.StdEncoding.AppendDecode(nil, value)
		name, password, ok := bytes.Cut(plain, []byte{':'})
		if err != nil || !ok {
			return false, nil
		}
		return g.users.Valid(name, password, deadline(ctx))
	}
	return false, nil
}

// unauthorized prepares a 401 and returns its line.
func (s *Server) unauthorized(ctx *fasthttp.RequestCtx, g *guard) string {
	for _, c := range g.challenge {
		ctx.Response.Header.Add(fasthttp.HeaderWWWAuthenticate, c)
	}
	h := &ctx.Request.Header
	what := "missing"
	if len(h.Peek(fasthttp.HeaderAuthorization)) > 0 || len(h.Peek(auth.HeaderSignature)) > 0 {
		what = "wrong"
	}
	s.strangers.failed(s.Log, what+" credentials from "+ctx.RemoteIP().String())
	return what + " credentials; set " + g.howTo()
}

// verify checks the signature of a request that was let in on one. It has
// answered when it returns false.
func (s *Server) verify(ctx *fasthttp.RequestCtx, b *body) bool {
	g, ok := ctx.UserValue(unverified{}).(*guard)
	if !ok {
		return true
	}
	h := &ctx.Request.Header
	err := g.signature.Check(h.Peek(auth.HeaderSignature), h.Peek(auth.HeaderTimestamp), b.bytes, time.Now())
	if err == nil {
		return true
	}
	s.unauthorized(ctx, g)
	answer(ctx, fasthttp.StatusUnauthorized, err.Error())
	return false
}
