package server

import (
	"errors"

	"github.com/valyala/fasthttp"
)

const pathReload = "/-/reload"

// Reloader reads the configuration again.
type Reloader interface {
	// Reload returns nil when what can change without a restart is in effect.
	// An error that is Invalid() is the configuration's: nothing has changed.
	Reload() error
}

// reload answers when the configuration is in effect, or why it is not.
func (s *Server) reload(ctx *fasthttp.RequestCtx) {
	err := s.Reloader.Reload()
	var bad interface{ Invalid() bool }
	switch {
	case err == nil:
		s.refuse(ctx, fasthttp.StatusOK, "reloaded")
	case errors.As(err, &bad) && bad.Invalid():
		s.refuse(ctx, fasthttp.StatusBadRequest, oneLine(err.Error()))
	default:
		s.refuse(ctx, fasthttp.StatusInternalServerError, oneLine(err.Error()))
	}
}
