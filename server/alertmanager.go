package server

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/alertmanager"
	"stormdrain/server/events"
)

// Alertmanager's own API, as far as it reads. Its errors are JSON strings, as
// Alertmanager's are.
const (
	pathAlertmanager = "/api/v2/"
	pathSilence      = "/api/v2/silence/" // and the id of one
	pathSilences     = "/api/v2/silences"
)

func isSilence(path []byte) bool {
	return string(path) == pathSilences || strings.HasPrefix(string(path), pathSilence)
}

func (s *Server) alertmanagerPages(r *router.Router, readPaths map[string]bool) {
	made := func(h fasthttp.RequestHandler) fasthttp.RequestHandler {
		return s.folded(h, say, s.notAnswered)
	}
	for path, handler := range map[string]fasthttp.RequestHandler{
		"/api/v2/status":        s.alertmanagerStatus,
		pathAlerts:              made(s.openAlerts),
		"/api/v2/alerts/groups": made(s.openGroups),
		"/api/v2/receivers":     made(s.openReceivers),
		pathSilences:            s.readSilences,
		pathSilence + "{id}":    s.readSilence,
	} {
		h := s.chain("alertmanager", s.compressed(handler))
		r.GET(path, h)
		r.HEAD(path, h)
		readPaths[path] = true
	}
}

// say answers with a line as Alertmanager does.
func say(ctx *fasthttp.RequestCtx, code int, line string) {
	ctx.Response.SetStatusCode(code)
	answerJSON(ctx, events.AppendString(nil, oneLine(line)))
}

// noSuchAlertmanagerPage answers what nothing else below /api/v2/ does.
func (s *Server) noSuchAlertmanagerPage(ctx *fasthttp.RequestCtx, path string, readPaths map[string]bool) {
	code, line := fasthttp.StatusMethodNotAllowed, path+" is read with GET; stormdrain changes nothing in an Alertmanager: make and expire silences there"
	switch {
	case path == pathAlerts:
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD, POST")
		line = path + " is read with GET, and takes alerts with POST"
	case path == pathSilence && (ctx.IsGet() || ctx.IsHead()): // a silence without an id
		s.wrongPath(ctx)
		return
	case readPaths[path], isSilence([]byte(path)):
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
	default:
		s.wrongPath(ctx)
		return
	}
	s.refuse(ctx, code, "") // and gives the connection up if there is a body
	object := append([]byte(`{"code":405,"message":`), events.AppendString(nil, oneLine(line))...)
	answerJSON(ctx, append(object, '}'))
}

// alertmanagerQuery reads the parameters. It has answered when it returns nil.
func alertmanagerQuery(ctx *fasthttp.RequestCtx) *alertmanager.Query {
	now := time.Now()
	q := alertmanager.NewQuery(now)
	for name, value := range ctx.QueryArgs().All() {
		if err := q.Set(string(name), string(value), now); err != nil {
			say(ctx, fasthttp.StatusBadRequest, err.Error())
			return nil
		}
	}
	return q
}

// notAnswered is notRead in Alertmanager's way.
func (s *Server) notAnswered(ctx *fasthttp.RequestCtx, err error) {
	s.notRead(ctx, err)
	say(ctx, fasthttp.StatusServiceUnavailable, strings.TrimSuffix(string(ctx.Response.Body()), "\n"))
}

func (s *Server) alertmanagerStatus(ctx *fasthttp.RequestCtx) {
	answerJSON(ctx, alertmanager.AppendStatus(nil, s.Build.Version, s.Build.Revision, s.started))
}

// muted reads which alerts are silenced or inhibited.
func (s *Server) muted(client *conn, q *alertmanager.Query) (*alertmanager.Muted, error) {
	m := q.Muted()
	return m, s.recorded(client, q.MutedQuery(), m.Add)
}

func (s *Server) recorded(client *conn, q *alert.RecordedQuery, add func(*alert.StoredRecorded)) error {
	return s.ask(client, func(ctx context.Context) error {
		return s.Timeline.Recorded(ctx, q, func(r *alert.StoredRecorded) error {
			add(r)
			return nil
		})
	})
}

// shown calls yield for each alert that a request asks for.
func (s *Server) shown(client *conn, q *alertmanager.Query, m *alertmanager.Muted, after *alert.EpisodeCursor,
	yield func(*alert.Episode, alertmanager.Suppression) error) error {
	wanted := q.Episodes()
	wanted.After = after
	return s.ask(client, func(ctx context.Context) error {
		return s.Episodes.Episodes(ctx, wanted, func(e *alert.Episode) error {
			if by := m.Of(e); q.Shows(e, by) {
				return yield(e, by)
			}
			return nil
		})
	})
}

// openAlerts is GET /api/v2/alerts. Alerts come newest first, as they are read:
// Alertmanager's order, by fingerprint, would need all of them in memory.
func (s *Server) openAlerts(ctx *fasthttp.RequestCtx) {
	q := alertmanagerQuery(ctx)
	if q == nil {
		return
	}
	client := ctx.Conn().(*conn)
	m, err := s.muted(client, q)
	if err != nil {
		s.notAnswered(ctx, err)
		return
	}
	a := &longAnswer{server: s, client: client, buffer: []byte{'['}}
	var last *alert.EpisodeCursor
	read := func(full func() error) error {
		return s.shown(client, q, m, last, func(e *alert.Episode, by alertmanager.Suppression) error {
			if len(a.buffer) >= exportChunk {
				if err := full(); err != nil {
					return err
				}
			}
			if last != nil {
				a.buffer = append(a.buffer, ',')
			}
			a.buffer = q.AppendAlert(a.buffer, e, by)
			c := e.Cursor()
			last = &c
			return nil
		})
	}
	err = read(func() error { return errPageFull })
	if errors.Is(err, errPageFull) {
		a.startValue(ctx, func(flush func() error) error {
			err := read(flush)
			a.buffer = append(a.buffer, "]\n"...)
			return err
		})
		return
	}
	if err != nil {
		s.notAnswered(ctx, err)
		return
	}
	answerJSON(ctx, append(a.buffer, ']'))
}

// groupsHeld is how many bytes of alerts an answer may hold to put them in groups.
const groupsHeld = 16 << 20

// openGroups is GET /api/v2/alerts/groups.
func (s *Server) openGroups(ctx *fasthttp.RequestCtx) {
	q := alertmanagerQuery(ctx)
	if q == nil {
		return
	}
	client := ctx.Conn().(*conn)
	m, err := s.muted(client, q)
	if err != nil {
		s.notAnswered(ctx, err)
		return
	}
	var written []byte
	again := func(add func(*alert.Episode, []byte) error) error {
		return s.shown(client, q, m, nil, func(e *alert.Episode, by alertmanager.Suppression) error {
			written = q.AppendAlert(written[:0], e, by)
			return add(e, written)
		})
	}
	groups := alertmanager.NewGroups(cmp.Or(s.cfg.groupsHeld, groupsHeld))
	err = again(func(e *alert.Episode, written []byte) error {
		groups.Add(e, written)
		return nil
	})
	if err != nil {
		s.notAnswered(ctx, err)
		return
	}
	if groups.Held() {
		list, _ := groups.Write(nil, nil, func(b []byte) ([]byte, error) { return b, nil })
		answerJSON(ctx, list)
		return
	}
	a := &longAnswer{server: s, client: client}
	a.startValue(ctx, func(flush func() error) (err error) {
		a.buffer, err = groups.Write(a.buffer, again, func(b []byte) ([]byte, error) {
			if a.buffer = b; len(b) < exportChunk {
				return b, nil
			}
			err := flush()
			return a.buffer, err
		})
		a.buffer = append(a.buffer, '\n')
		return err
	})
}

// openReceivers is GET /api/v2/receivers: those of the alerts that fire.
func (s *Server) openReceivers(ctx *fasthttp.RequestCtx) {
	q := alertmanagerQuery(ctx)
	if q == nil {
		return
	}
	names := make(alertmanager.Receivers)
	err := s.ask(ctx.Conn().(*conn), func(reading context.Context) error {
		return s.Episodes.Episodes(reading, q.Episodes(), func(e *alert.Episode) error {
			names.Add(e)
			return nil
		})
	})
	if err != nil {
		s.notAnswered(ctx, err)
		return
	}
	answerJSON(ctx, names.Append(nil))
}

// readSilences is GET /api/v2/silences.
func (s *Server) readSilences(ctx *fasthttp.RequestCtx) {
	q := alertmanagerQuery(ctx)
	if q == nil {
		return
	}
	silences := q.Silences()
	if err := s.recorded(ctx.Conn().(*conn), q.SilencesQuery(), silences.Add); err != nil {
		s.notAnswered(ctx, err)
		return
	}
	answerJSON(ctx, silences.Append(nil))
}

// readSilence is GET /api/v2/silence/{id}.
func (s *Server) readSilence(ctx *fasthttp.RequestCtx) {
	q := alertmanagerQuery(ctx)
	if q == nil {
		return
	}
	silences := q.Silences()
	id, _ := ctx.UserValue("id").(string)
	if err := s.recorded(ctx.Conn().(*conn), q.SilenceQuery(id), silences.Add); err != nil {
		s.notAnswered(ctx, err)
		return
	}
	object, ok := silences.One(nil)
	if !ok {
		say(ctx, fasthttp.StatusNotFound, "no event recorder has told of a silence with this id, see /api/v2/silences")
		return
	}
	answerJSON(ctx, object)
}
