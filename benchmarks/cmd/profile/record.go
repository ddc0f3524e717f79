package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// recorder fetches recordings of one server into files.
type recorder struct {
	base   string // http://host:port
	folder string
	suffix string // of the files' names, before the extension
	length time.Duration
	out    io.Writer
}

// file is a recording that is there.
type file struct {
	recording
	path string
}

// stamp makes names that sort by time.
func stamp(t time.Time) string { return t.Format("20060102-150405") }

func (r *recorder) path(what recording) string {
	extension := "prof"
	if what.show == nil {
		extension = "trace"
	}
	return filepath.Join(r.folder, what.name+"_"+r.suffix+"."+extension)
}

// step records what belongs together and waits for all of it.
func (r *recorder) step(ctx context.Context, s step) ([]file, error) {
	files, errs := make([]file, len(s)), make([]error, len(s))
	var done sync.WaitGroup
	for i, what := range s {
		files[i] = file{what, r.path(what)}
		done.Go(func() { errs[i] = r.fetch(ctx, what, files[i].path) })
	}
	done.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err // the others mostly failed by the same
		}
	}
	return files, nil
}

// sendLimit is how long a server may take beyond the length of a recording.
const sendLimit = time.Minute

func (r *recorder) fetch(ctx context.Context, what recording, path string) error {
	ctx, cancel := context.WithTimeout(ctx, r.length+sendLimit)
	defer cancel()
	url := r.base + "/debug/pprof/" + what.query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("GET %s: %s: start the server with --debug.pprof", url, answer.Status)
	case answer.StatusCode != http.StatusOK:
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
		return fmt.Errorf("GET %s: %s: %s", url, answer.Status, why)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, answer.Body); err != nil {
		f.Close()
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return f.Close()
}

// shown is how many lines of each recording are printed.
const shown = 15

// layers are what every stack of a request or of a wait has, and nobody asks for.
const layers = `^runtime\.(gopark|netpollblock|chan|select)|^(internal/poll|net|bufio|github\.com/(valyala|fasthttp))[./]` +
	`|^sync\.\(\*WaitGroup\)|\(\*Server\)\.(checkProtocol|giveID|measure|recoverPanic|routes)`

// show prints the largest entries, and how to look further.
func (r *recorder) show(ctx context.Context, files []file) error {
	for _, f := range files {
		fmt.Fprintf(r.out, "\n== %s: %s\n", f.name, f.path)
		for _, value := range f.show {
			args := []string{"tool", "pprof", "-top", fmt.Sprintf("-nodecount=%d", shown), "-sample_index=" + value}
			if f.calls {
				args = append(args, "-cum", "-hide="+layers)
			}
			top, err := exec.CommandContext(ctx, "go", append(args, f.path)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("go tool pprof %s: %w\n%s", f.path, err, top)
			}
			r.out.Write(top)
		}
	}
	fmt.Fprint(r.out, "\nLook further (docs/profiling.md says what to look for):\n")
	for _, f := range files {
		fmt.Fprintf(r.out, "  %s\n", further(f))
	}
	return nil
}

func further(f file) string {
	if f.show == nil {
		return "go tool trace -http=127.0.0.1:8081 " + f.path
	}
	command := "go tool pprof -http=127.0.0.1:8081 "
	if value := f.show[0]; strings.HasPrefix(value, "inuse") || strings.HasPrefix(value, "alloc") {
		command += "-sample_index=" + value + " "
	}
	return command + f.path
}
