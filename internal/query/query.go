// Package query asks a running server what it has stored, and shows the answer
// to a person, in a table that fits the terminal, or hands it to a machine.
package query

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"stormdrain/internal/config"
)

// run is one run of the command.
type run struct {
	cfg    *config.Query
	client *client
	out    *bufio.Writer
	stderr io.Writer
	screen screen
	now    time.Time
	zone   *time.Location
	pause  time.Duration // before connecting again; tests are in more of a hurry
}

// Run asks what cfg says and writes the answer to stdout, what else is to be said
// to stderr. nil also when there is nothing to show.
func Run(ctx context.Context, cfg *config.Query, stdout, stderr io.Writer) error {
	r, err := open(cfg, stdout, stderr)
	if err != nil {
		return err
	}
	defer r.client.close()
	return r.run(ctx)
}

func open(cfg *config.Query, stdout, stderr io.Writer) (*run, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, client: c, stderr: stderr, now: time.Now(), zone: time.Local, pause: time.Second}
	if cfg.UTC {
		r.zone = time.UTC
	}
	var terminal bool
	if r.screen, terminal = screenOf(stdout, cfg.Color, cfg.NoColor); terminal && !r.isTable() {
		stdout = escaping{stdout}
	}
	r.out = bufio.NewWriterSize(stdout, 64<<10)
	return r, nil
}

func (r *run) run(ctx context.Context) error {
	err := r.answer(ctx)
	if ferr := r.out.Flush(); err == nil {
		err = ferr
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}

func (r *run) answer(ctx context.Context) error {
	if r.cfg.Follow {
		return r.follow(ctx)
	}
	path, parameters, err := request(r.cfg, r.now, r.zone)
	if err != nil {
		return err
	}
	kind, _ := r.cfg.Kind()
	switch {
	case r.cfg.Output == "csv":
		return r.copy(ctx, path, parameters, "csv")
	case kind == config.QueryStats && r.cfg.Output == "json":
		return r.copy(ctx, path, parameters, "json")
	case kind == config.QueryStats && r.isTable():
		return r.stats(ctx, path, parameters)
	case r.isTable():
		return r.table(ctx, path, parameters)
	case r.cfg.Output == "json":
		return r.object(ctx, path, parameters, kind)
	}
	return r.copy(ctx, path, parameters, "ndjson")
}

func (r *run) isTable() bool { return r.cfg.Output == "table" || r.cfg.Output == "wide" }

func (r *run) writing() writing {
	return writing{now: r.now, zone: r.zone, wide: r.cfg.Output == "wide"}
}

// newTable is the table of the answer. A wide one is not cut.
func (r *run) newTable(shape []column) *tableWriter {
	t := &tableWriter{out: r.out, screen: r.screen, shape: shape}
	if r.cfg.Output == "wide" {
		t.screen.width = 0
	}
	return t
}

// table shows rows as they come. One more than is wanted is asked for: it tells
// whether there are more.
func (r *run) table(ctx context.Context, path string, parameters url.Values) error {
	most := limit(r.cfg)
	if most > 0 {
		parameters.Set("limit", strconv.Itoa(most+1))
	}
	kind := tableOf(r.cfg, r.writing())
	t := r.newTable(kind.columns)
	more := false
	err := r.lines(ctx, path, parameters, func(line []byte) error {
		if most > 0 && t.rows == most {
			more = true
			return nil
		}
		cells, err := kind.row(line)
		if err != nil {
			return err
		}
		return t.add(cells)
	})
	if berr := t.begin(); err == nil {
		err = berr
	}
	if err != nil {
		return err
	}
	return r.remark(t.rows, more)
}

// remark says on stderr what the rows do not.
func (r *run) remark(rows int, more bool) error {
	if err := r.out.Flush(); err != nil {
		return err
	}
	switch {
	case rows == 0:
		r.say("nothing found")
	case more:
		r.say("these are the latest %d; --limit 0 shows all", rows)
	}
	return nil
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintln(r.stderr, "stormdrain: "+visible(fmt.Sprintf(format, args...)))
}

// lines calls yield for each line of an answer that streams.
func (r *run) lines(ctx context.Context, path string, parameters url.Values, yield func([]byte) error) error {
	parameters.Set("format", "ndjson")
	body, _, err := r.client.get(ctx, path, parameters)
	if err != nil {
		return err
	}
	defer body.Close()
	in := bufio.NewReaderSize(body, 64<<10)
	var whole []byte // of a line that the buffer cannot hold
	for n := 0; ; {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			whole = append(whole, line...)
			continue
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) == 0 && len(whole) == 0 {
				return nil
			}
			return fmt.Errorf("%s broke the answer off after %d lines: %w; what it logs says why", r.client.base, n, err)
		}
		if len(whole) > 0 {
			line = append(whole, line...)
			whole = whole[:0]
		}
		if err := yield(line); err != nil {
			return err
		}
		n++
		if in.Buffered() == 0 {
			if err := r.out.Flush(); err != nil { // nothing more for the moment
				return err
			}
		}
	}
}

// copy hands an answer on as it is.
func (r *run) copy(ctx context.Context, path string, parameters url.Values, format string) error {
	if most := limit(r.cfg); most > 0 {
		parameters.Set("limit", strconv.Itoa(most))
	}
	if format == "ndjson" {
		return r.lines(ctx, path, parameters, func(line []byte) error {
			_, err := r.out.Write(line)
			return err
		})
	}
	parameters.Set("format", format)
	body, _, err := r.client.get(ctx, path, parameters)
	if err != nil {
		return err
	}
	defer body.Close()
	if n, err := io.Copy(r.out, body); err != nil {
		return fmt.Errorf("%s broke the answer off after %d bytes: %w; what it logs says why", r.client.base, n, err)
	}
	return nil
}

// object makes one JSON object of an answer that streams, with the key that a
// page of the API has.
func (r *run) object(ctx context.Context, path string, parameters url.Values, kind string) error {
	if most := limit(r.cfg); most > 0 {
		parameters.Set("limit", strconv.Itoa(most))
	}
	separator := "{\"" + kind + "\":[\n"
	err := r.lines(ctx, path, parameters, func(line []byte) error {
		_, err := r.out.WriteString(separator)
		separator = ",\n"
		if err == nil {
			_, err = r.out.Write(bytes.TrimRight(line, "\n"))
		}
		return err
	})
	if err != nil {
		return err // and what is written is no JSON, so that nobody takes half for the whole
	}
	end := "\n]}\n"
	if separator != ",\n" {
		end = separator + "]}\n"
	}
	_, err = r.out.WriteString(end)
	return err
}

// stats shows the whole answer, which is a page, with its total below.
func (r *run) stats(ctx context.Context, path string, parameters url.Values) error {
	if most := limit(r.cfg); most > 0 {
		parameters.Set("limit", strconv.Itoa(most))
	} else {
		parameters.Set("limit", "10000")
	}
	body, _, err := r.client.get(ctx, path, parameters)
	if err != nil {
		return err
	}
	defer body.Close()
	var answer struct {
		From  time.Time         `json:"from"`
		To    time.Time         `json:"to"`
		Stats []json.RawMessage `json:"stats"`
		Total statistic         `json:"total"`
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return fmt.Errorf("the answer of %s cannot be understood: %w", r.client.base, err)
	}
	kind := tableOf(r.cfg, r.writing())
	t := r.newTable(kind.columns)
	for _, line := range answer.Stats {
		cells, err := kind.row(line)
		if err != nil {
			return err
		}
		t.first = append(t.first, cells)
		t.rows++
	}
	if t.rows > 0 {
		t.first = append(t.first, answer.Total.cells(cell{text: "(total)", color: faint}))
	}
	if err := t.begin(); err != nil {
		return err
	}
	return r.remark(t.rows, false)
}
