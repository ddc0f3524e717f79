package query

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	// silence is after how long a stream without a sign of life is given up; one
	// comes every 15 s.
	silence = 45 * time.Second
	// mostPause between two attempts to connect again.
	mostPause = 5 * time.Second
)

// follower shows each event once, whichever way it comes: by the stream, or by
// the page that is read for what came while there was no stream.
type follower struct {
	*run
	filters url.Values
	since   string // what the page is asked from; "" for nothing
	seen    recently

	show  func(line []byte) error // writes one event
	ready func() error            // writes what is held back
}

// follow goes on until ctx ends, which is no error, or the server refuses.
func (r *run) follow(ctx context.Context) error {
	f := &follower{run: r}
	var err error
	if f.filters, err = filters(r.cfg); err != nil {
		return err
	}
	f.prepare()
	if r.cfg.From != "" {
		f.since = moment(r.cfg.From, r.now, r.zone)
	}
	connected := false
	for pause := r.pause; ; {
		began := false
		err := f.listen(ctx, func() {
			if connected {
				r.say("connected to %s again", r.client.base)
			}
			began, connected = true, true
		})
		var refused *statusError
		switch {
		case ctx.Err() != nil:
			return f.ready()
		case !connected, errors.As(err, &refused) && refused.code < http.StatusInternalServerError, isLocal(err):
			return err
		case began:
			pause = r.pause
			r.say("the connection to %s has ended (%v); trying again", r.client.base, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return f.ready()
		}
		pause = min(2*pause, mostPause)
	}
}

// prepare decides how events are shown.
func (f *follower) prepare() {
	if !f.isTable() {
		f.show = func(line []byte) error {
			_, err := f.out.Write(append(line[:len(line):len(line)], '\n'))
			return err
		}
		f.ready = f.out.Flush
		return
	}
	kind := tableOf(f.cfg, f.writing())
	for i := range kind.columns {
		// What comes first is not typical of what comes later.
		c := &kind.columns[i]
		c.optional = false
		c.usual = map[string]int{"STATUS": 8, "SEVERITY": 8, "ALERT": 24, "SOURCE": 8, "LABELS": 40}[c.title]
	}
	t := f.newTable(kind.columns)
	f.show = func(line []byte) error {
		cells, err := kind.row(line)
		if err != nil {
			return err
		}
		return t.add(cells)
	}
	f.ready = func() error { return errors.Join(t.begin(), f.out.Flush()) }
}

// localError is one of ours, which another connection does not mend.
type localError struct{ error }

func isLocal(err error) bool { return errors.As(err, new(localError)) }

var errSilent = fmt.Errorf("nothing was heard of it for %v", silence)

// listen shows what comes until the stream ends, and always says why it did.
func (f *follower) listen(ctx context.Context, connected func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watch.Stop()
	body, header, err := f.client.get(ctx, "/api/v1/stream", f.filters)
	if err != nil {
		return err
	}
	defer body.Close()
	connected()
	// The stream is open, so nothing is missed between the page and it.
	if f.since != "" {
		if err := f.catchUp(ctx); err != nil {
			return err
		}
	} else if t, err := http.ParseTime(header.Get("Date")); err == nil {
		f.since = t.Format(time.RFC3339)
	} else {
		f.since = f.now.Format(time.RFC3339)
	}
	in := messages{in: bufio.NewReaderSize(body, 64<<10)}
	for {
		m, err := in.next()
		if errors.Is(err, io.EOF) {
			return errors.New("the server ended it")
		}
		if err != nil && context.Cause(ctx) == errSilent {
			err = errSilent
		}
		if err != nil {
			return err
		}
		watch.Reset(silence)
		if err := f.take(m); err != nil {
			return localError{err}
		}
		if in.in.Buffered() == 0 {
			if err := f.ready(); err != nil {
				return localError{err}
			}
		}
	}
}

func (f *follower) take(m message) error {
	switch m.name {
	case "alert":
		return f.event(m.data)
	case "lost":
		var loss struct{ Lost uint64 }
		if err := json.Unmarshal(m.data, &loss); err != nil {
			return fmt.Errorf("a line of the stream cannot be understood: %w", err)
		}
		if err := f.ready(); err != nil {
			return err
		}
		f.say("%d alerts came too fast to be shown; stormdrain query events has them", loss.Lost)
	}
	return nil
}

func (f *follower) event(line []byte) error {
	var e struct{ ID, ReceivedAt string }
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("an event of the stream cannot be understood: %w", err)
	}
	if !f.seen.add(e.ID) {
		return nil
	}
	f.since = e.ReceivedAt // never decreasing
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	return f.show(line)
}

// catchUp shows what was stored since f.since, as much of it as a page holds.
func (f *follower) catchUp(ctx context.Context) error {
	parameters := url.Values{"from": {f.since}, "limit": {"10000"}}
	for name, values := range f.filters {
		parameters[name] = values
	}
	body, _, err := f.client.get(ctx, "/api/v1/events", parameters)
	if err != nil {
		return err
	}
	defer body.Close()
	var page struct {
		Events []json.RawMessage
		Next   *string
	}
	if err := json.NewDecoder(body).Decode(&page); err != nil {
		return fmt.Errorf("the answer of %s cannot be understood: %w", f.client.base, err)
	}
	if page.Next != nil {
		f.say("only the latest %d alerts are shown of those that came meanwhile; stormdrain query events has the others", len(page.Events))
	}
	slices.Reverse(page.Events)
	for _, line := range page.Events {
		if err := f.event(line); err != nil {
			return localError{err}
		}
	}
	if err := f.ready(); err != nil {
		return localError{err}
	}
	return nil
}

// recently knows the last IDs that were shown.
type recently struct {
	known map[string]bool
	order []string // a ring
	next  int
}

// remembered is more than a page and what a stream may hold back together.
const remembered = 1 << 15

// add reports whether id is new.
func (r *recently) add(id string) bool {
	if r.known[id] {
		return false
	}
	if r.known == nil {
		r.known = make(map[string]bool)
	}
	r.known[id] = true
	if len(r.order) < remembered {
		r.order = append(r.order, id)
		return true
	}
	delete(r.known, r.order[r.next])
	r.order[r.next] = id
	r.next = (r.next + 1) % remembered
	return true
}
