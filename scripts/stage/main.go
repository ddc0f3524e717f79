// Command stage runs one stage of the tests and judges it more strictly than go
// test does: a skipped test fails it, and so does a run in which nothing ran.
//
//	stage [-log] NAME GO-TEST-ARGUMENT...
//
// It prints one line for each package, all that a failed test said, with -log
// also what the tests that passed have logged, and at last the count.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

func main() {
	args := os.Args[1:]
	showLog := len(args) > 0 && args[0] == "-log"
	if showLog {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: stage [-log] NAME GO-TEST-ARGUMENT...")
		os.Exit(2)
	}
	if err := run(args[0], args[1:], showLog); err != nil {
		fmt.Fprintf(os.Stderr, "stage %s: %v\n", args[0], err)
		os.Exit(1)
	}
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// judge counts the tests of one run and keeps what each has said until it is
// known whether anybody wants to read it.
type judge struct {
	out     io.Writer
	showLog bool
	said    map[string]*strings.Builder // by package and test

	passed, failed int
	skipped        []string
	late           int // fuzz targets that ended later than they should, with nothing found
}

func run(name string, args []string, showLog bool) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	j := &judge{out: os.Stdout, showLog: showLog, said: make(map[string]*strings.Builder)}
	readErr := j.read(stdout)
	testErr := cmd.Wait()
	fmt.Printf("%s: %d passed, %d failed, %d skipped\n", name, j.passed, j.failed, len(j.skipped))
	switch {
	case testErr != nil && (j.failed > 0 || j.late == 0):
		return fmt.Errorf("go test: %w", testErr)
	case readErr != nil:
		return readErr
	case len(j.skipped) > 0:
		return fmt.Errorf("skipped: %s", strings.Join(j.skipped, ", "))
	case j.failed > 0:
		return fmt.Errorf("%d tests failed", j.failed)
	case j.passed == 0:
		return fmt.Errorf("no test ran")
	}
	return nil
}

func (j *judge) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				j.out.Write(line) // the go command's own words
			} else {
				j.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (j *judge) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		io.WriteString(j.out, e.Output)
	case "output":
		if j.said[key] == nil {
			j.said[key] = new(strings.Builder)
		}
		j.said[key].WriteString(e.Output)
	case "pass", "fail", "skip":
		j.end(e, j.said[key])
		delete(j.said, key)
	}
}

// end takes the verdict on one test, or on a package.
func (j *judge) end(e event, said *strings.Builder) {
	text := ""
	if said != nil {
		text = said.String()
	}
	switch {
	case e.Test == "":
		j.endPackage(e, text)
	case e.Action == "fail" && foundNothing(e.Test, text):
		j.passed++
		j.late++
	case e.Action == "fail":
		j.failed++
		fmt.Fprintf(j.out, "%s: %s\n%s", e.Package, e.Test, text)
	case e.Action == "skip":
		j.skipped = append(j.skipped, e.Package+"."+e.Test)
		io.WriteString(j.out, text)
	default:
		j.passed++
		if j.showLog {
			j.printLog(e.Test, text)
		}
	}
}

// foundNothing tells a fuzz target that was still at an input when its time was
// over, which go test reports as a failure on a busy machine, from one that found
// something: then there is an input.
func foundNothing(test, text string) bool {
	return strings.HasPrefix(test, "Fuzz") && strings.Contains(text, "context deadline exceeded") &&
		!strings.Contains(text, "Failing input written") && !strings.Contains(text, "panic")
}

func (j *judge) endPackage(e event, text string) {
	for line := range strings.Lines(text) {
		if e.Action == "fail" || strings.HasPrefix(line, "ok") {
			io.WriteString(j.out, line)
		}
	}
	if e.Action == "fail" { // tests that were cut off by a panic or the time limit
		for key, said := range j.said {
			if strings.HasPrefix(key, e.Package+" ") && key != e.Package+" " {
				fmt.Fprintf(j.out, "%s did not end:\n%s", key, said)
			}
		}
	}
}

var logged = regexp.MustCompile(`^ +\w+\.go:\d+: `)

func (j *judge) printLog(test, text string) {
	for line := range strings.Lines(text) {
		if logged.MatchString(line) {
			fmt.Fprintf(j.out, "%s: %s", test, logged.ReplaceAllString(line, ""))
		}
	}
}
