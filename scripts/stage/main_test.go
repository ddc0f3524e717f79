package main

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	f := func(name string, lines []string, passed, failed, skipped int, said string) {
		t.Helper()
		var out strings.Builder
		j := &judge{out: &out, said: make(map[string]*strings.Builder)}
		if err := j.read(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if j.passed != passed || j.failed != failed || len(j.skipped) != skipped || out.String() != said {
			t.Errorf("%s: %d passed, %d failed, %d skipped, said %q", name, j.passed, j.failed, len(j.skipped), out.String())
		}
	}
	f("a test that passes", []string{
		`{"Action":"run","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: quiet\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Output":"PASS\n"}`,
		`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
		`{"Action":"pass","Package":"p"}`,
	}, 1, 0, 0, "ok  \tp\t0.1s\n")
	f("a skipped test, and a package without tests, which is none", []string{
		`{"Action":"skip","Package":"p","Test":"TestA"}`,
		`{"Action":"skip","Package":"q"}`,
	}, 0, 0, 1, "")
	f("a test that fails", []string{
		`{"Action":"output","Package":"p","Test":"TestA","Output":"why\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\n"}`,
		`{"Action":"fail","Package":"p"}`,
	}, 0, 1, 0, "p: TestA\nwhy\nFAIL\tp\n")
	f("a test that was cut off", []string{
		`{"Action":"output","Package":"p","Test":"TestA","Output":"so far\n"}`,
		`{"Action":"fail","Package":"p"}`,
	}, 0, 0, 0, "p TestA did not end:\nso far\n")
	f("a fuzz target whose time was over, and one that found something", []string{
		`{"Action":"output","Package":"p","Test":"FuzzA","Output":"context deadline exceeded\n"}`,
		`{"Action":"fail","Package":"p","Test":"FuzzA"}`,
		`{"Action":"output","Package":"p","Test":"FuzzB","Output":"context deadline exceeded\nFailing input written to x\n"}`,
		`{"Action":"fail","Package":"p","Test":"FuzzB"}`,
	}, 1, 1, 0, "p: FuzzB\ncontext deadline exceeded\nFailing input written to x\n")
	f("what the compiler says", []string{
		`{"Action":"build-output","ImportPath":"p","Output":"p.go:1: no\n"}`,
		`not JSON`,
	}, 0, 0, 0, "p.go:1: no\nnot JSON")
}
