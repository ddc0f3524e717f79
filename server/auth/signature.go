package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The headers in which Grafana signs a webhook. The first is its default; the
// second has none, and is the one that its own examples use.
const (
	HeaderSignature = "X-Grafana-Alerting-Signature"
	HeaderTimestamp = "X-Grafana-Alerting-Timestamp"
)

// oldest is how far a signature's time may be from ours, either way.
const oldest = 5 * time.Minute

// Signature checks that a body was signed with one of the secrets.
type Signature struct{ secrets [][]byte }

// ReadSignature reads a file with a secret a line.
func ReadSignature(path string) (*Signature, error) {
	lines, err := readLines(path)
	if err != nil {
		return nil, err
	}
	return &Signature{secrets: lines}, nil
}

// ErrSignature says that a body was not signed with any of the secrets.
var ErrSignature = errors.New("the signature in " + HeaderSignature + " is not that of this body; use the secret in auth.hmac_secret_file")

// Check returns nil when signature is the HMAC-SHA256 of the body in hex, or of
// the timestamp, a colon and the body where there is a timestamp. Whoever holds a
// recorded request cannot leave its timestamp out: what was signed is another text.
func (s *Signature) Check(signature, timestamp, body []byte, now time.Time) error {
	var claimed [sha256.Size]byte
	if n, err := hex.Decode(claimed[:], clip(signature)); err != nil || n != len(claimed) || len(signature) != 2*n {
		return ErrSignature
	}
	valid := false
	for _, secret := range s.secrets {
		mac := hmac.New(sha256.New, secret)
		if len(timestamp) > 0 {
			mac.Write(timestamp)
			mac.Write([]byte{':'})
		}
		mac.Write(body)
		valid = hmac.Equal(mac.Sum(nil), claimed[:]) || valid
	}
	if !valid {
		return ErrSignature
	}
	if len(timestamp) == 0 {
		return nil
	}
	seconds, err := strconv.ParseInt(string(timestamp), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is no number of Unix seconds", HeaderTimestamp)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > oldest || age < -oldest {
		return fmt.Errorf("the signature is %s away from our clock, at most %s is allowed; check the clocks of both machines",
			age.Abs().Round(time.Second), oldest)
	}
	return nil
}

// clip keeps a header of any length from being decoded past a digest.
func clip(signature []byte) []byte { return signature[:min(len(signature), 2*sha256.Size)] }
