package server

import (
	"bytes"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	webpage "stormdrain/server/page"
)

// index is the web page for a browser, and a list of pages for everybody else.
func (s *Server) index(ctx *fasthttp.RequestCtx) {
	if webpage.Wanted(string(ctx.Request.Header.Peek(fasthttp.HeaderAccept))) {
		webpage.New().Index(ctx)
		return
	}
	ctx.Response.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderAccept)
	ctx.Response.Header.SetContentType(typeText)
	ctx.Response.SetBodyString(indexText)
}

// pageParts has r answer for what the web page is made of.
func (s *Server) pageParts(r *router.Router) {
	h := s.chain("page", func(ctx *fasthttp.RequestCtx) {
		if !webpage.New().Asset(ctx) {
			s.refuse(ctx, fasthttp.StatusNotFound, webpage.NoAsset)
		}
	})
	r.GET(webpage.Below+"{part:*}", h)
	r.HEAD(webpage.Below+"{part:*}", h)
}

func isPagePart(path []byte) bool { return bytes.HasPrefix(path, []byte(webpage.Below)) }
