package server

import (
	"bytes"
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/server/history"
)

const (
	pathLabel  = "/api/v1/label/"
	pathValues = "/values"
)

// readLabels is GET and HEAD /api/v1/labels.
func (s *Server) readLabels(ctx *fasthttp.RequestCtx) { s.complete(ctx, "") }

// readLabelValues is GET and HEAD /api/v1/label/{name}/values.
func (s *Server) readLabelValues(ctx *fasthttp.RequestCtx) {
	raw, _ := labelOf(ctx.URI().PathOriginal())
	name, ok := appendUnescaped(nil, raw)
	if !ok || len(name) == 0 {
		s.refuse(ctx, fasthttp.StatusBadRequest, "the name of the label in the path is not percent-encoded UTF-8; "+
			"write "+pathLabel+"{name}"+pathValues+", with a slash in the name as %2F")
		return
	}
	s.complete(ctx, string(name))
}

// labelOf returns what stands for {name} in the path of a label's values, as it is
// spelled, and whether the path is one. A slash in it must be escaped.
func labelOf(path []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(path, []byte(pathLabel))
	if !ok {
		return nil, false
	}
	name, ok := bytes.CutSuffix(rest, []byte(pathValues))
	return name, ok && len(name) > 0 && bytes.IndexByte(name, '/') < 0
}

// complete answers with the values of a label; without one, with names of labels.
func (s *Server) complete(ctx *fasthttp.RequestCtx, name string) {
	p := history.NewParams(time.Now(), history.LabelNames()...)
	if !s.params(ctx, p.Set) {
		return
	}
	q, err := p.Labels(name)
	if err != nil {
		s.wrongParam(ctx, err)
		return
	}
	var words []string
	err = s.ask(ctx.Conn().(*conn), func(reading context.Context) (err error) {
		words, err = s.Episodes.Labels(reading, q)
		return err
	})
	if err != nil {
		s.notRead(ctx, err)
		return
	}
	answerJSON(ctx, history.AppendLabels(nil, words))
}
