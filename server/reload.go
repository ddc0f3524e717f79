package server

import (
	"errors"
	"strings"

	"github.com/valyala/fasthttp"
)

const pathReload = "/-/reload"

// Reloader reads the configuration again.
type Reloader interface {
	// Reload returns, when what can change without a restart is in effect, the keys
	// that wait for one. An error that is Invalid() is the configuration's: nothing
	// has changed.
	Reload() (restart []string, err error)
}

// reload answers when the configuration is in effect, or why it is not.
func (s *Server) reload(ctx *fasthttp.RequestCtx) {
	restart, err := s.Reloader.Reload()
	var bad interface{ Invalid() bool }
	switch {
	case err == nil && len(restart) > 0:
		s.refuse(ctx, fasthttp.StatusOK, "reloaded; in effect only after a restart: "+strings.Join(restart, ", "))
	case err == nil:
		s.refuse(ctx, fasthttp.StatusOK, "reloaded")
	case errors.As(err, &bad) && bad.Invalid():
		s.refuse(ctx, fasthttp.StatusBadRequest, oneLine(err.Error()))
	default:
		s.refuse(ctx, fasthttp.StatusInternalServerError, oneLine(err.Error()))
	}
}
