package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// Bearer is the set of tokens that are valid. It keeps their digests only.
type Bearer struct{ digests [][sha256.Size]byte }

// ReadBearer reads a file with a token a line.
func ReadBearer(path string) (*Bearer, error) {
	lines, err := readLines(path)
	if err != nil {
		return nil, err
	}
	b := &Bearer{}
	for _, token := range lines {
		// Neither could be shown in a header, so it would be a token that
		// nobody knows about: a comment, most likely.
		if token[0] == '#' || bytes.ContainsFunc(token, notInAToken) {
			return nil, fmt.Errorf("%s: want nothing but tokens, a line each: no spaces, no comments, ASCII only", path)
		}
		b.digests = append(b.digests, sha256.Sum256(token))
	}
	return b, nil
}

func notInAToken(r rune) bool { return r <= ' ' || r > '~' }

// Valid reports whether the token is one of them. How long it takes tells
// nothing: digests of one length are compared, all of them, whole.
func (b *Bearer) Valid(token []byte) bool {
	shown := sha256.Sum256(token)
	found := 0
	for i := range b.digests {
		found |= subtle.ConstantTimeCompare(shown[:], b.digests[i][:])
	}
	return found == 1
}
