package quarantine

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stormdrain/internal/alert"
)

func open(t *testing.T, dir string, maxBytes int64) *Quarantine {
	t.Helper()
	q, err := Open(dir, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func files(t *testing.T, dir, ending string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestBodyIsKeptByteForByte(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	q := open(t, dir, 1<<20)
	body := []byte("\x00\xff not JSON {\n")
	r := alert.Request{Kind: alert.Webhook, Source: []byte("a\"b"), RequestID: []byte("id-1"), Body: body}
	if err := q.Body(r, "syntax", "line 1: no"); err != nil {
		t.Fatal(err)
	}
	raw := files(t, q.bodies, ".body")
	if len(raw) != 1 {
		t.Fatalf("%d bodies", len(raw))
	}
	if got, _ := os.ReadFile(raw[0]); !bytes.Equal(got, body) {
		t.Errorf("kept %q", got)
	}
	var meta bodyMeta
	text, _ := os.ReadFile(strings.TrimSuffix(raw[0], ".body") + ".json")
	if err := json.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	want := bodyMeta{
		ReceivedAt: meta.ReceivedAt, Kind: "webhook", Source: "a\"b", RequestID: "id-1",
		Reason: "syntax", Detail: "line 1: no", Bytes: len(body),
	}
	if meta != want {
		t.Errorf("metadata %+v", meta)
	}
}

func TestOldestBodiesMakeRoom(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, 4*2*4096) // a small body and its metadata take a block each
	keep := func(id string) {
		t.Helper()
		if err := q.Body(alert.Request{RequestID: []byte(id), Body: []byte(id)}, "syntax", ""); err != nil {
			t.Fatal(err)
		}
	}
	contents := func() (all string) {
		for _, f := range files(t, q.bodies, ".body") {
			b, _ := os.ReadFile(f)
			all += string(b)
		}
		return all
	}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		keep(id)
	}
	if got := contents(); got != "cdef" {
		t.Errorf("kept %q", got)
	}
	q = open(t, dir, 4*2*4096)
	keep("g")
	if got := contents(); got != "defg" {
		t.Errorf("after opening again: %q", got)
	}
	q = open(t, dir, 2*2*4096)
	if got := contents(); got != "fg" {
		t.Errorf("after opening with less room: %q", got)
	}
	if err := q.Body(alert.Request{Body: make([]byte, 5*4096)}, "syntax", ""); err == nil {
		t.Error("a body larger than the room was taken")
	}
	if got := contents(); got != "fg" {
		t.Errorf("a body without room evicted others: %q", got)
	}
	if err := open(t, dir, 0).Body(alert.Request{Body: []byte("x")}, "syntax", ""); err != nil {
		t.Errorf("max_bytes 0: %v", err)
	}
}

func TestAlertsAreNeverEvicted(t *testing.T) {
	q := open(t, t.TempDir(), 2*4096)
	if err := q.Alerts(Delivery{Position: 1}, []Rejected{{Reason: "r", Raw: []byte(`1`)}}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := q.Body(alert.Request{Body: []byte("x")}, "syntax", ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(files(t, q.alerts, ".ndjson")); n != 1 {
		t.Errorf("%d alert files", n)
	}
}

func TestAlertsAreWrittenOnce(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, 1<<20)
	d := Delivery{Journal: alert.ID{0xab}, Position: 7, ReceivedAt: 1_700_000_000_000_001, Source: "eu", RequestID: "x"}
	put := func(rejected ...Rejected) {
		t.Helper()
		if err := q.Alerts(d, rejected); err != nil {
			t.Fatal(err)
		}
	}
	first := Rejected{Index: 3, Reason: "labels is no object", Raw: []byte("{\"labels\" :\n 5, \"x\": \"<&>\"}")}
	broken := Rejected{Index: 5, Reason: "no JSON", Raw: []byte("{\xff")}
	put(first)
	put(first)
	q = open(t, dir, 1<<20)
	put(first, broken)
	put(broken)

	all := files(t, q.alerts, "")
	if len(all) != 1 || filepath.Base(all[0]) != "ab000000000000000000000000000000-00000000000000000007.ndjson" {
		t.Fatalf("files %q", all)
	}
	text, _ := os.ReadFile(all[0])
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	want := `{"journal":"ab000000000000000000000000000000","position":7,"index":3,"reason":"labels is no object",` +
		`"receivedAt":"2023-11-14T22:13:20.000001Z","source":"eu","requestId":"x","alert":{"labels":5,"x":"<&>"}}`
	if len(lines) != 2 || lines[0] != want {
		t.Fatalf("got  %s\nwant %s", text, want)
	}
	var second rejectedLine
	if err := json.Unmarshal([]byte(lines[1]), &second); err != nil {
		t.Fatal(err)
	}
	if raw, _ := base64.StdEncoding.DecodeString(second.Base64); second.Index != 5 || !bytes.Equal(raw, broken.Raw) {
		t.Errorf("second line %+v", second)
	}
}

func TestUnfinishedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, 1<<20)
	for _, d := range []string{q.bodies, q.alerts} {
		if err := os.WriteFile(filepath.Join(d, "x.body"+unfinished), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	q = open(t, dir, 1<<20)
	if n := len(files(t, q.bodies, "")) + len(files(t, q.alerts, "")); n != 0 {
		t.Errorf("%d files left", n)
	}
}

func TestFailureIsReported(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir, 1<<20)
	for _, d := range []string{q.bodies, q.alerts} {
		if err := os.Remove(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Body(alert.Request{Body: []byte("x")}, "syntax", ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("body: %v", err)
	}
	if err := q.Alerts(Delivery{}, []Rejected{{}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("alerts: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "file", "below"), 1); err == nil {
		t.Error("opened below a file")
	}
}

func TestConcurrentUse(t *testing.T) {
	q := open(t, t.TempDir(), 10*2*4096)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				if err := q.Body(alert.Request{Body: []byte("x")}, "syntax", ""); err != nil {
					t.Error(err)
				}
				if err := q.Alerts(Delivery{Position: 1}, []Rejected{{Index: int32(i), Raw: []byte("1")}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(files(t, q.bodies, ".body")); n > 10 {
		t.Errorf("%d bodies in room for 10", n)
	}
	text, err := os.ReadFile(files(t, q.alerts, ".ndjson")[0])
	if err != nil || bytes.Count(text, []byte("\n")) != 8 {
		t.Errorf("%v: %s", err, text)
	}
}
