package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
)

// answer is what a sender needs to know of a response.
type answer struct {
	status int
	last   bool // the server closes the connection after it
}

var errAnswer = errors.New("an answer that is not HTTP/1.1")

// longestAnswer is more than anybody says to a webhook.
const longestAnswer = 1 << 30

// readAnswer reads one response to its end. It allocates nothing, so that the
// client leaves the processors to the server.
func readAnswer(in *bufio.Reader) (a answer, err error) {
	for {
		length, err := readHead(in, &a)
		switch {
		case err != nil:
			return a, err
		case a.status < 200: // 100 Continue: the answer is still to come
			continue
		case a.status == 204 || a.status == 304:
			return a, nil
		case length == chunked:
			return a, discardChunks(in)
		case length < 0:
			return a, errAnswer // its body ends with the connection: nobody can tell whether it is whole
		}
		_, err = in.Discard(length)
		return a, err
	}
}

const (
	chunked = -1 // the length of a body in chunks
	unknown = -2
)

// readHead reads to the first byte of the body, and returns its length.
func readHead(in *bufio.Reader, a *answer) (length int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	ok := len(line) >= 13 && string(line[:9]) == "HTTP/1.1 "
	if ok {
		a.status, ok = number(line[9:12], 10)
	}
	if !ok || a.status < 100 {
		return 0, fmt.Errorf("%w: %q", errAnswer, line)
	}
	for length = unknown; ; {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return length, nil
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")) && length != chunked:
			if length, ok = number(value, 10); !ok {
				return 0, fmt.Errorf("%w: %q", errAnswer, line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = chunked
		case bytes.EqualFold(name, []byte("Connection")):
			a.last = a.last || bytes.EqualFold(value, []byte("close"))
		}
	}
}

// discardChunks reads a body in chunks, and the trailer behind it.
func discardChunks(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte{';'})
		n, ok := number(bytes.TrimSpace(size), 16)
		if !ok {
			return fmt.Errorf("%w: chunk %q", errAnswer, line)
		}
		if n == 0 {
			break
		}
		if _, err := in.Discard(n + len("\r\n")); err != nil {
			return err
		}
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil || len(bytes.TrimSpace(line)) == 0 {
			return err
		}
	}
}

// number reads digits and nothing else.
func number(text []byte, base int) (n int, ok bool) {
	for _, c := range text {
		digit := base
		switch {
		case c >= '0' && c <= '9':
			digit = int(c - '0')
		case c >= 'a' && c <= 'f':
			digit = int(c-'a') + 10
		case c >= 'A' && c <= 'F':
			digit = int(c-'A') + 10
		}
		if n = n*base + digit; digit >= base || n > longestAnswer {
			return 0, false
		}
	}
	return n, len(text) > 0
}
