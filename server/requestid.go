package server

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

const (
	headerRequestID = "X-Request-ID"
	longestID       = 128
)

// requestIDs gives requests their names. Generated ones are a random prefix,
// drawn once per process, and a number: unique, and no work.
type requestIDs struct {
	prefix string
	last   atomic.Uint64

	// early keeps a client's own ID for the time between the header and the
	// handler. fasthttp waits for the first byte of the body in between, and
	// when that does not come it empties the header before it asks us what to
	// answer. Requests without an ID of their own, all of Alertmanager's, do not
	// touch it.
	early sync.Map // *fasthttp.RequestHeader to string
}

func newRequestIDs() *requestIDs {
	var random [6]byte
	rand.Read(random[:]) // never fails, it says
	return &requestIDs{prefix: hex.EncodeToString(random[:]) + "-"}
}

func (r *requestIDs) append(dst []byte) []byte {
	dst = append(dst, r.prefix...)
	return strconv.AppendUint(dst, r.last.Add(1), 36)
}

// give puts the request's ID into the response: the client's own if it is
// sane, else a new one.
func (r *requestIDs) give(ctx *fasthttp.RequestCtx) {
	if own := ctx.Request.Header.Peek(headerRequestID); len(own) > 0 {
		r.early.Delete(&ctx.Request.Header)
		if saneID(own) {
			ctx.Response.Header.SetBytesV(headerRequestID, own)
			return
		}
	}
	var b [64]byte
	ctx.Response.Header.SetBytesV(headerRequestID, r.append(b[:0]))
}

// giveEarly is give for a request whose header may be gone.
func (r *requestIDs) giveEarly(ctx *fasthttp.RequestCtx) {
	if own, ok := r.early.LoadAndDelete(&ctx.Request.Header); ok {
		ctx.Response.Header.Set(headerRequestID, own.(string))
		return
	}
	r.give(ctx)
}

// remember is called when the header is complete. An entry whose connection
// breaks at once stays until its header is used again; there are no more headers
// than connections.
func (r *requestIDs) remember(h *fasthttp.RequestHeader) {
	if own := h.Peek(headerRequestID); len(own) > 0 && saneID(own) {
		r.early.Store(h, string(own))
	}
}

// requestID returns the ID given; it aliases the response's header.
func requestID(ctx *fasthttp.RequestCtx) []byte { return ctx.Response.Header.Peek(headerRequestID) }

// saneID keeps an ID that is copied into an answer, a log and a store from
// being anything else than a name.
func saneID(id []byte) bool {
	if len(id) == 0 || len(id) > longestID {
		return false
	}
	for _, c := range id {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == ':', c == '/', c == '+', c == '=', c == '@', c == '-':
		default:
			return false
		}
	}
	return true
}
