// Package auth tells whether a request shows what was agreed upon: a bearer
// token, a signature over its body, or a name and a password. It knows no HTTP
// but the values of a few headers, and never puts a secret into an error.
package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// largestFile bounds a file of secrets; a larger one is some other file.
const largestFile = 1 << 20

// readLines returns the lines of a file of secrets, without blank ones and
// without the space around them. Several may be valid at once, so that a sender
// can be given the new one before the old one is taken away.
func readLines(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > largestFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB; want one secret a line", path)
	}
	var lines [][]byte
	number := 0
	for line := range bytes.Lines(content) {
		number++
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case !bytes.ContainsFunc(line, notPrintable):
			lines = append(lines, bytes.Clone(line))
		default:
			return nil, fmt.Errorf("%s, line %d: want a secret of printable characters in UTF-8", path, number)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: %w; write one, a line each", path, errEmpty)
	}
	return lines, nil
}

var errEmpty = errors.New("there is no secret in it")

func notPrintable(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }
