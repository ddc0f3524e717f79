package page

import (
	"strings"

	"github.com/valyala/fasthttp"

	"stormdrain/server/compress"
)

// policy lets the document load what is ours and nothing else. No script or style
// stands in the document itself, and no text becomes markup: trusted-types without
// a policy turns every such assignment into an error.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const varyIndex = fasthttp.HeaderAccept + ", " + fasthttp.HeaderAcceptEncoding

// Index answers with the document. It is asked for anew each time, which costs a
// 304: it names the version of all the rest.
func (p *Page) Index(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderContentSecurityPolicy, policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set(fasthttp.HeaderReferrerPolicy, "no-referrer") // the address holds matchers
	h.Set(fasthttp.HeaderXFrameOptions, "DENY")
	h.Set(fasthttp.HeaderVary, varyIndex)
	h.Set(fasthttp.HeaderCacheControl, "no-cache")
	p.index.send(ctx)
}

// Asset answers with the asset that the path names, and reports whether there is
// one. An asset of another version there is not: a document whose modules came of
// two versions would break in ways that nobody can explain.
func (p *Page) Asset(ctx *fasthttp.RequestCtx) bool {
	name, ok := strings.CutPrefix(string(ctx.Path()), Below+p.Version+"/")
	if !ok {
		return false
	}
	f, ok := p.assets[name]
	if !ok {
		return false
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	h.Set(fasthttp.HeaderCacheControl, "public, max-age=31536000, immutable")
	f.send(ctx)
	return true
}

func (f *file) send(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderETag, f.etag)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	if sameTag(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), f.etag) {
		ctx.Response.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	h.SetContentType(f.contentType)
	if f.gzip != nil && compress.AcceptsGzip(string(ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding))) {
		h.Set(fasthttp.HeaderContentEncoding, "gzip")
		ctx.Response.SetBodyRaw(f.gzip)
		return
	}
	ctx.Response.SetBodyRaw(f.plain)
}

// sameTag reads If-None-Match, which compares weakly.
func sameTag(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

// Wanted reads the value of an Accept header: whether who asks is a browser that
// wants a document, and not curl, which takes anything.
func Wanted(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		kind, parameters, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(kind), "text/html") {
			continue
		}
		q := strings.ReplaceAll(strings.ToLower(parameters), " ", "")
		return strings.Trim(strings.TrimPrefix(q, "q="), "0.") != "" || !strings.HasPrefix(q, "q=")
	}
	return false
}

// NoAsset is what is said about a path below Below that leads nowhere.
const NoAsset = "no such part of the page, or one of another version of stormdrain; load / again"
