package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// answer is what a sender needs to know of a response.
type answer struct {
	status int
	last   bool // the server closes the connection after it
}

var errAnswer = errors.New("an answer that is not HTTP/1.1 with a Content-Length")

// readAnswer reads one response to its end. It allocates nothing, so that the
// client leaves the processors to the server, and knows no more of HTTP than
// servers use for short answers.
func readAnswer(in *bufio.Reader) (a answer, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(line) < 13 || string(line[:9]) != "HTTP/1.1 " {
		return a, fmt.Errorf("%w: %q", errAnswer, line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("%w: %q", errAnswer, line)
	}
	length := -1
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return a, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return a, fmt.Errorf("%w: %q", errAnswer, line)
			}
		case bytes.EqualFold(name, []byte("Connection")):
			a.last = bytes.EqualFold(value, []byte("close"))
		}
	}
	if length < 0 {
		return a, errAnswer
	}
	_, err = in.Discard(length)
	return a, err
}
