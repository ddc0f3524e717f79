package load

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	f := func(text string, want answer, ok bool) {
		t.Helper()
		in := bufio.NewReader(strings.NewReader(text + "next"))
		got, err := readAnswer(in)
		if ok != (err == nil) || ok && got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if rest, _ := in.Peek(8); ok && string(rest) != "next" {
			t.Errorf("%q: %q comes after it", text, rest)
		}
	}
	f("HTTP/1.1 200 OK\r\nDate: Mon\r\nContent-Length: 5\r\n\r\nhello", answer{status: 200}, true)
	f("HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\nconnection: Close\r\n\r\n", answer{status: 503, last: true}, true)
	f("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", answer{status: 200}, true)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", answer{status: 200}, true)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb;x=y\r\nhello\r\nyou.\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n", answer{status: 200}, true)
	f("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", answer{status: 204}, true)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", answer{}, false)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", answer{}, false)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", answer{}, false)
	f("HTTP/1.1 200 OK\r\n\r\nhello", answer{}, false)
	f("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", answer{}, false)
	f("HTTP/1.1 020 OK\r\nContent-Length: 0\r\n\r\n", answer{}, false)
	f("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", answer{}, false)
	f("HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n", answer{}, false)
	f("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", answer{}, false)
	f("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", answer{}, false)
	f("HTTP/1.1 200 OK\r\n", answer{}, false)
	f("hello\n", answer{}, false)
	f("", answer{}, false)
}
