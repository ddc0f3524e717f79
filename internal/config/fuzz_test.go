package config

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// FuzzParse: whatever the command line is, there is an answer and never a
// panic; what is refused gets a line, what is accepted gets none.
func FuzzParse(f *testing.F) {
	f.Add("serve\n--log.level=debug")
	f.Add("-\n--\n-h\n--=\n-=\n---")
	f.Add("--web.listen-address\n:1\n--journal.max-bytes\n1.5GiB")
	f.Add("--log.access\nfalse\n--log.access=1")
	f.Add("check-config\n--storage.url=postgres://a:b@c/d?password=e")
	f.Add("bench\n--rate\n0\n--header=A: b\n--duration=1d\n--verify")
	f.Fuzz(func(t *testing.T, lines string) {
		if strings.Contains(lines, "config.file") {
			return // it would read a file of this machine
		}
		var stdout, stderr bytes.Buffer
		_, command, code := Parse(strings.Split(lines, "\n"), nil, &stdout, &stderr)
		if (code != 0) != (stderr.Len() > 0) || command != "" && (command != "serve" && command != "bench" || code != 0) || code < 0 || code > 2 {
			t.Errorf("%q: command %q, code %d, stderr %q", lines, command, code, stderr.String())
		}
	})
}

// FuzzConfigFile: a file is read or refused, and values come with their line.
func FuzzConfigFile(f *testing.F) {
	sample, err := os.ReadFile("../../deploy/stormdrain.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte("journal: &j {<<: *j, ack: commit}"))
	f.Add([]byte("<<: [&a {<<: [*a, *a]}]"))
	f.Add([]byte("server: {listen: [a, [b]]}"))
	f.Add([]byte("? &x [*x]\n: *x"))
	f.Fuzz(func(t *testing.T, content []byte) {
		var cfg Config
		file := newConfigFile("x.yml", settingsOf(&cfg))
		file.read(content)
		for key, v := range file.values {
			if file.settings[key] == nil || v.words == nil || !strings.HasPrefix(v.source, "x.yml, line ") {
				t.Errorf("%s: %+v", key, v)
			}
		}
	})
}
