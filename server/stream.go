package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/internal/live"
	"stormdrain/server/events"
)

// Streamer gives events out as they are stored.
type Streamer interface {
	// Listen returns a reader of what is stored from now on and is what q asks
	// for; its bounds of time, its limit and its cursor are not looked at.
	Listen(q *alert.Query) *live.Reader
}

// streamBeat is how often a stream says that it is alive: often enough for what
// lies between, which closes what is silent for half a minute or a minute.
const streamBeat = 15 * time.Second

// readStream is GET and HEAD /api/v1/stream.
func (s *Server) readStream(ctx *fasthttp.RequestCtx) {
	q, err := streamQuery(ctx)
	if err != nil {
		s.refuse(ctx, fasthttp.StatusBadRequest, oneLine(err.Error()))
		return
	}
	if !ctx.Request.Header.IsHTTP11() {
		s.refuse(ctx, fasthttp.StatusBadRequest, "a stream needs HTTP/1.1; /api/v1/events can be read without")
		return
	}
	if ctx.IsHead() {
		streamHeader(ctx)
		return
	}
	client := ctx.Conn().(*conn)
	ended, ok := s.streams.begin(client)
	if !ok {
		s.refuse(ctx, fasthttp.StatusServiceUnavailable, fmt.Sprintf("%d streams are open, or shutting down; try again", maxStreams))
		return
	}
	streamHeader(ctx)
	ctx.SetConnectionClose() // nothing is asked over it afterwards
	// From here on, so that who has seen the header misses nothing.
	ctx.SetBodyStream(&stream{server: s, client: client, reader: s.Streamer.Listen(q), ended: ended}, -1)
}

func streamHeader(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.SetContentType("text/event-stream")
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold lines back
}

// streamQuery reads the parameters: those of events that choose among what comes.
func streamQuery(ctx *fasthttp.RequestCtx) (*alert.Query, error) {
	var p events.Params
	for name, value := range ctx.QueryArgs().All() {
		switch string(name) {
		case "filter", "status", "receiver", "source", "fingerprint":
		default:
			return nil, &events.ParamError{Name: string(name), Value: string(value),
				Want: "another name: filter, status, receiver, source or fingerprint; a stream begins now"}
		}
		if err := p.Set(string(name), string(value), time.Time{}); err != nil {
			return nil, err
		}
	}
	q, _, err := p.Query()
	return q, err
}

// stream is an answer that has no end: fasthttp lets it write itself, in the
// goroutine of its connection, once the header is sent.
type stream struct {
	server *Server
	client *conn
	reader *live.Reader
	ended  <-chan struct{} // closed when it is to end
	total  int64
}

var errClientGone = errors.New("the client has left")

// WriteTo writes what comes until the client leaves or the server closes.
func (st *stream) WriteTo(w io.Writer) (int64, error) {
	gone, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		st.client.waitUntilGone(stopped, cancel)
	}()
	defer func() { close(stopped); <-watched }()

	// The header goes out with the first chunk.
	err := st.write(w, []byte(": stormdrain\n\n"))
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for err == nil {
		select {
		case <-st.reader.Ready():
			err = st.writeLines(w)
		case <-beat.C:
			err = st.write(w, []byte(":\n\n"))
		case <-gone.Done():
			err = errClientGone
		case <-st.ended:
			return st.total, nil
		}
	}
	return st.total, err
}

// writeLines writes all that is at hand, in chunks.
func (st *stream) writeLines(w io.Writer) error {
	var chunk []byte
	for {
		line, more := st.reader.Take()
		if more {
			chunk = appendLine(chunk, line)
		}
		if len(chunk) > 0 && (!more || len(chunk) >= exportChunk) {
			if err := st.write(w, chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
		if !more {
			return nil
		}
		select {
		case <-st.ended:
			return nil // the caller sees it, too
		default:
		}
	}
}

func appendLine(dst []byte, line live.Line) []byte {
	if line.Event == nil {
		dst = append(dst, "event: lost\ndata: {\"lost\":"...)
		dst = strconv.AppendUint(dst, line.Lost, 10)
		return append(dst, "}\n\n"...)
	}
	dst = append(dst, "event: alert\nid: "...)
	dst = events.AppendID(dst, line.Event)
	dst = append(dst, "\ndata: "...)
	dst = events.AppendJSON(dst, line.Event)
	return append(dst, "\n\n"...)
}

// write sends one chunk. The server's write timeout is for one of them.
func (st *stream) write(w io.Writer, chunk []byte) error {
	if err := st.client.SetWriteDeadline(time.Now().Add(st.server.cfg.WriteTimeout)); err != nil {
		return err
	}
	n, err := w.Write(chunk)
	st.total += int64(n)
	return err
}

// SupportsBodyWriteTo tells fasthttp that WriteTo is all there is.
func (st *stream) SupportsBodyWriteTo() bool { return true }

func (st *stream) Read([]byte) (int, error) {
	return 0, errors.New("BUG: a stream is written, not read")
}

// Close is called by fasthttp, also when the header could not be sent.
func (st *stream) Close() error {
	st.reader.Close()
	st.server.streams.end(st.client)
	return nil
}
