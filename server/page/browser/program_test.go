package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// binary is the program, built once.
var binary string

// build returns where the program is: built into dir, unless BINARY names one.
func build(dir string) (string, error) {
	if path := os.Getenv("BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(dir, "stormdrain")
	out, err := exec.Command("go", "build", "-pgo=off", "-buildvcs=false", "-o", path, "stormdrain").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

// program is one data directory with one process after another on it, all on the
// same port.
type program struct {
	data    string
	flags   []string
	address string
	sent    atomic.Int64 // alerts that it has answered for

	cmd  *exec.Cmd
	said chan struct{} // closed when the process has said its last
}

// runProgram starts a program of the test's own.
func runProgram(t testing.TB, flags ...string) *program {
	t.Helper()
	p := &program{data: t.TempDir(), flags: flags, address: "127.0.0.1:0"}
	t.Cleanup(p.kill)
	p.mustStart(t)
	return p
}

func (p *program) mustStart(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
}

// start returns when the program takes alerts.
func (p *program) start() error {
	args := append([]string{"serve", "--data.dir=" + p.data, "--web.listen-address=" + p.address, "--log.format=json"}, p.flags...)
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan string, 1)
	p.said = make(chan struct{})
	go follow(log, ready, p.said)
	select {
	case p.address = <-ready:
		return nil
	case <-p.said:
		return fmt.Errorf("%s %s has ended at its start; run it by hand", binary, strings.Join(args, " "))
	}
}

// follow reads a log to its end, and sends the address once it takes alerts.
func follow(log io.Reader, ready chan<- string, said chan<- struct{}) {
	defer close(said)
	address := ""
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct{ Message, Address string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		switch line.Message {
		case "listening":
			address = line.Address
		case "ready to take alerts":
			ready <- address
		}
	}
}

// kill ends the process as a power cut does. A program that does not run stays so.
func (p *program) kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.said
	_ = p.cmd.Wait() // how it ended is known
	p.cmd = nil
}

func (p *program) url(query string) string { return "http://" + p.address + "/" + query }

// post sends a body, which must be taken, and counts its alerts.
func (p *program) post(path string, body []byte) error {
	response, err := http.Post(p.url(path), "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	line, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("post to %s: %s %s %v", path, response.Status, line, err)
	}
	var answer struct{ Alerts int64 }
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("post to %s: %s: %w", path, line, err)
	}
	p.sent.Add(answer.Alerts)
	return nil
}

func (p *program) mustPost(t testing.TB, path string, body []byte) {
	t.Helper()
	if err := p.post(path, body); err != nil {
		t.Fatal(err)
	}
}

// ask reads an answer of the API.
func (p *program) ask(question string, into any) error {
	response, err := http.Get(p.url("api/v1/" + question))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", question, response.Status, body)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// settle returns when all that was sent can be asked for as episodes.
func (p *program) settle() error {
	var stored int64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		var answer struct{ Total struct{ Receipts int64 } }
		if err := p.ask("stats?from=0&to=2100-01-01T00:00:00Z&limit=1", &answer); err != nil {
			return err
		}
		if stored = answer.Total.Receipts; stored == p.sent.Load() {
			return nil
		}
	}
	return fmt.Errorf("%d alerts were sent, %d are stored", p.sent.Load(), stored)
}

func (p *program) mustSettle(t testing.TB) {
	t.Helper()
	if err := p.settle(); err != nil {
		t.Fatal(err)
	}
}

// count asks how many episodes there are.
func (p *program) count(t testing.TB, parameters url.Values) (n int) {
	t.Helper()
	parameters.Set("limit", "1")
	var answer struct{ Total struct{ Episodes int } }
	if err := p.ask("stats?"+parameters.Encode(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Total.Episodes
}

// reload has the program read its files again.
func (p *program) reload(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
