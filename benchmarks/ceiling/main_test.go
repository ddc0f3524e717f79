package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestServer(t *testing.T) {
	t.Parallel()
	serve(t, "", nil)
	for option := range socketOptions {
		serve(t, option, nil)
	}
	if _, err := withSocketOption(nil, "TCP_CORK"); err == nil || !strings.Contains(err.Error(), "TCP_QUICKACK=1") {
		t.Errorf("an option that there is not: %v", err)
	}
}

// serve sends five requests to a server whose connections have a socket option,
// if any, and which writes to d, if there is one.
func serve(t *testing.T, option string, d *disk) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if l, err = withSocketOption(l, option); err != nil {
		t.Fatal(err)
	}
	srv := newServer(10, d)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	f := func(body io.Reader) {
		t.Helper()
		answer, err := client.Post("http://"+l.Addr().String()+"/webhook/x", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || string(text) != `{"status":"success","alerts":10}` {
			t.Errorf("%s: %s, %v", answer.Status, text, err)
		}
	}
	f(nil)
	f(strings.NewReader("{}"))
	f(bytes.NewReader(make([]byte, 1<<20)))
	f(io.MultiReader(bytes.NewReader(make([]byte, 1<<20)))) // in chunks
	f(strings.NewReader("{}"))                              // what came before was read to its end

	transport.CloseIdleConnections()
	if err := srv.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
