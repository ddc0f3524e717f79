// Command ceiling is the fastest server that could stand in stormdrain's place:
// fasthttp with the same settings, which reads each body to its end and answers
// what stormdrain answers. It decodes nothing and keeps nothing, so what it
// reaches is what the machine, its kernel and the load generator allow. With -disk
// it also makes a record of each request durable first, and so is what they and
// the disk allow.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/storage/journal/vfs"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	alerts := flag.Int("alerts", 10, "number of alerts to answer with")
	socket := flag.String("socket", "", "socket option to set on each connection, as TCP_QUICKACK=1; empty: none")
	file := flag.String("disk", "", "file to make, and to write a record of each request to before it is answered; empty: none")
	flag.Parse()
	if err := run(*listen, *alerts, *socket, *file); err != nil {
		fmt.Fprintln(os.Stderr, "ceiling:", err)
		os.Exit(1)
	}
}

func run(listen string, alerts int, socket, file string) (err error) {
	var d *disk
	if file != "" {
		if d, err = openDisk(vfs.OS{}, file, alerts); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.close()) }()
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	if l, err = withSocketOption(l, socket); err != nil {
		return err
	}
	srv := newServer(alerts, d)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	// The line that stormdrain writes, so that one reader finds both addresses.
	line := map[string]string{"message": "listening", "address": l.Addr().String()}
	if err := json.NewEncoder(os.Stderr).Encode(line); err != nil {
		return err
	}
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-signals:
		return srv.Shutdown()
	}
}

// newServer has the settings of stormdrain's server that cost or save work per
// request; its body is streamed, too. d may be nil.
func newServer(alerts int, d *disk) *fasthttp.Server {
	h := &handler{answer: fmt.Appendf(nil, `{"status":"success","alerts":%d}`, alerts), disk: d}
	h.buffers.New = func() any { return &buffer{bytes: make([]byte, 16<<10)} }
	return &fasthttp.Server{
		Handler:                      h.serve,
		ReadBufferSize:               4 << 10,
		WriteBufferSize:              512,
		ReadTimeout:                  30 * time.Second,
		WriteTimeout:                 30 * time.Second,
		IdleTimeout:                  10 * time.Minute,
		StreamRequestBody:            true,
		MaxRequestBodySize:           1,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		LazyRequestTime:              true,
		NoDefaultServerHeader:        true,
	}
}

type handler struct {
	answer  []byte
	disk    *disk     // nil: nothing is kept
	buffers sync.Pool // of *buffer
}

type buffer struct{ bytes []byte }

func (h *handler) serve(ctx *fasthttp.RequestCtx) {
	if src := ctx.RequestBodyStream(); src != nil {
		b := h.buffers.Get().(*buffer)
		defer h.buffers.Put(b)
		if err := drain(src, b.bytes); err != nil {
			ctx.SetConnectionClose()
			ctx.SetStatusCode(fasthttp.StatusBadRequest)
			return
		}
	}
	if h.disk != nil {
		if err := h.disk.append(); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
			return
		}
	}
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBody(h.answer)
}

// drain reads src to its end, over and over into the same buffer.
func drain(src io.Reader, into []byte) error {
	for {
		switch _, err := src.Read(into); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
