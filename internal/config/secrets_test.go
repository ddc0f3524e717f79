package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secretFile writes a file into a folder and returns its path.
func secretFile(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretPath(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	there := secretFile(t, folder, "token", "x")
	f := func(name, folder, want, wantErr string) {
		t.Helper()
		got, err := secretPath(name, folder)
		if err == nil && (wantErr != "" || got != want) || err != nil && (wantErr == "" || !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("%q in %q: %q, %v", name, folder, got, err)
		}
	}
	f("", folder, "", "")
	f("token", folder, there, "")
	f("token", "", "token", "")
	f("other", folder, "other", "")
	f("/etc/token", folder, "/etc/token", "")
	f("../token", filepath.Join(folder, "x"), "../token", "")
	f("credential:token", folder, there, "")
	f("credential:other", folder, "", "no credential \"other\": ")
	f("credential:other", folder, "", "add LoadCredential=other:/path/of/the/file to the unit")
	f("credential:token", "", "", "CREDENTIALS_DIRECTORY is not set")
}

func TestStoreURLFromAFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	const url = "postgres://me:hunter2@db/alerts"
	path := secretFile(t, folder, "url", "\n"+url+"\n")
	environ := []string{"CREDENTIALS_DIRECTORY=" + folder}
	for _, got := range []outcome{
		invoke(nil, "--storage.url-file="+path),
		invoke([]string{"STORMDRAIN_STORAGE_URL_FILE=" + path}),
		invoke(environ, "--storage.url-file=credential:url"),
		invoke(environ, writeYAML(t, "storage: {url_file: url}")),
		invoke(environ, writeYAML(t, "storage: {url_file: 'credential:url', url: ''}")),
	} {
		if got.code != 0 || got.cfg.Storage.URL != url || got.cfg.Storage.URLFile != path {
			t.Errorf("%+v", got)
		}
	}
	f := func(wanted string, args ...string) {
		t.Helper()
		got := invoke(environ, args...)
		if got.code != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, wanted) || strings.Contains(got.stderr, "hunter2") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	f("only one of them", "--storage.url-file="+path, "--storage.url=sqlite:x")
	f("no such file", "--storage.url-file="+path+"s")
	f("no credential", "--storage.url-file=credential:urls")
	f("is not accepted: want the path of a file, or credential:NAME", "--storage.url-file=credential:../url")
	f("is empty; want the URL in it", "--storage.url-file="+secretFile(t, folder, "empty", " \n"))
	f("holds is not accepted: want nothing (SQLite in data.dir), sqlite:PATH or postgres://",
		"check-config", "--storage.url-file="+secretFile(t, folder, "bad", "mysql://me:hunter2@db"))
}

func TestReread(t *testing.T) {
	t.Parallel()
	flag := writeYAML(t, "log: {level: warn}\njournal: {max_bytes: 1GiB}")
	path := strings.TrimPrefix(flag, "--config.file=")
	args, environ := []string{flag, "--data.dir=/x"}, []string{"STORMDRAIN_STORAGE_BATCH_ROWS=7"}
	before, err := Reread(args, environ)
	if want := invoke(environ, args...).cfg; err != nil || len(Changed(&before, &want)) != 0 {
		t.Fatalf("%v, %+v", err, before)
	}
	if err := os.WriteFile(path, []byte("log: {level: error}\ndata: {dir: /y}\nserver: {listen: [':1']}\nstorage: {batch_rows: 9}"), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := Reread(args, environ)
	if got := strings.Join(Changed(&before, &after), " "); err != nil || got != "server.listen journal.max_bytes log.level" {
		t.Errorf("%v, changed %s", err, got) // data.dir and batch_rows have a source that goes before the file
	}
	if err := os.WriteFile(path, []byte("log: {levle: error}\njournal: {max_bytes: many}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Reread(args, environ)
	if err == nil || !strings.Contains(err.Error(), "line 1): unknown key; did you mean log.level?; journal.max_bytes: \"many\" (") {
		t.Errorf("%v", err)
	}
}
