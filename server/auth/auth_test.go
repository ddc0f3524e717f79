package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBearer(t *testing.T) {
	t.Parallel()
	b, err := ReadBearer(write(t, "old-token\n\n  new/Token+1.~=  \r\nlast!$%"))
	if err != nil {
		t.Fatal(err)
	}
	f := func(token string, want bool) {
		t.Helper()
		if got := b.Valid([]byte(token)); got != want {
			t.Errorf("%q: %v", token, got)
		}
	}
	f("old-token", true)
	f("new/Token+1.~=", true)
	f("last!$%", true)
	f("", false)
	f("old-toke", false)
	f("old-token ", false)
	f("OLD-TOKEN", false)
	f("old-token\n", false)
}

// A mistake in a file of secrets is named, and nothing of what is in the file.
func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	f := func(content, want string) {
		t.Helper()
		path := write(t, content)
		_, err := ReadBearer(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%.20q: %v", content, err)
		}
	}
	f("", "no secret")
	f(" \n\t\r\n", "no secret")
	f("hush\x00", "line 1")
	f("a\nhush\xff", "line 2")
	f("# hush", "no comments")
	f("hush hush", "no spaces")
	f("hush\u00e9", "ASCII")
	f(strings.Repeat("hush\n", 300_000), "1 MiB")
	if _, err := ReadBearer(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := ReadSignature(write(t, "\n")); err == nil {
		t.Error("no secret")
	}
}

func sign(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestSignature(t *testing.T) {
	t.Parallel()
	s, err := ReadSignature(write(t, "old secret\nnew secret\n"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	const body = `{"alerts":[]}`
	f := func(signature, timestamp, body, want string) {
		t.Helper()
		err := s.Check([]byte(signature), []byte(timestamp), []byte(body), now)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	f(sign("old secret", body), "", body, "")
	f(sign("new secret", body), "", body, "")
	f(strings.ToUpper(sign("new secret", body)), "", body, "")
	f(sign("new secret", ""), "", "", "")
	f(sign("third secret", body), "", body, HeaderSignature)
	f(sign("new secret", body), "", body+" ", HeaderSignature)
	f("sha256="+sign("new secret", body), "", body, HeaderSignature)
	f(sign("new secret", body)+"00", "", body, HeaderSignature)
	f(sign("new secret", body)[:62], "", body, HeaderSignature)
	f("", "", body, HeaderSignature)

	for _, age := range []time.Duration{0, -oldest, oldest} {
		f(sign("new secret", at(age)+":"+body), at(age), body, "")
	}
	for _, age := range []time.Duration{-oldest - time.Second, oldest + time.Second, 1e6 * time.Hour} {
		f(sign("new secret", at(age)+":"+body), at(age), body, "clocks")
	}
	f(sign("new secret", "soon:"+body), "soon", body, "Unix seconds")
	f(sign("new secret", at(0)+":"+body), "", body, HeaderSignature)              // the timestamp left out
	f(sign("new secret", at(0)+":"+body), at(time.Second), body, HeaderSignature) // or replaced
	f(sign("new secret", body), at(0), body, HeaderSignature)                     // or added
}

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	u, err := NewUsers(map[string]string{"alice": hash(t, "wonder"), "bob": strings.Replace(hash(t, ""), "$2a$", "$2y$", 1)})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, password string, want bool) {
		t.Helper()
		for range 2 { // the second answer may come from memory
			if got, err := u.Valid([]byte(name), []byte(password), time.Now().Add(time.Minute)); got != want || err != nil {
				t.Errorf("%s:%s: %v, %v", name, password, got, err)
			}
		}
	}
	f("alice", "wonder", true)
	f("bob", "", true)
	f("alice", "", false)
	f("alice", "wonder ", false)
	f("bob", "wonder", false)
	f("carol", "wonder", false)
	f("", "", false)
	f("alice", "wonder", true) // a wrong one in between changes nothing
}

// What was right once costs no bcrypt again, also while all slots are taken by
// people who guess; these wait, and are told so.
func TestKnownPasswordsDoNotWait(t *testing.T) {
	t.Parallel()
	u, err := NewUsers(map[string]string{"alice": hash(t, "wonder")})
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Minute)
	if ok, err := u.Valid([]byte("alice"), []byte("wonder"), soon); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for range cap(u.slots) {
		u.slots <- struct{}{}
	}
	if ok, err := u.Valid([]byte("alice"), []byte("wonder"), time.Now()); !ok || err != nil {
		t.Errorf("known: %v, %v", ok, err)
	}
	if ok, err := u.Valid([]byte("alice"), []byte("guess"), time.Now()); ok || !errors.Is(err, ErrBusy) {
		t.Errorf("wrong: %v, %v", ok, err)
	}
	if ok, err := u.Valid([]byte("nobody"), []byte("wonder"), time.Now()); ok || !errors.Is(err, ErrBusy) {
		t.Errorf("a name that nobody has is not checked: %v, %v", ok, err)
	}
}

func TestUsersThatCannotBe(t *testing.T) {
	t.Parallel()
	f := func(name, hash, want string) {
		t.Helper()
		_, err := NewUsers(map[string]string{name: hash})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
	f("alice", "secret", `"alice"`)
	f("alice", "", "htpasswd")
	f("al:ice", hash(t, "x"), "colon")
}
