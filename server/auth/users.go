package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Users knows people by name and the bcrypt hash of their password. A check
// costs 50 ms and more, on purpose; so what was right once is remembered, as a
// digest under a key of this process, one for each user.
type Users struct {
	byName map[string]*user
	decoy  []byte // the most expensive hash, for names that nobody has
	key    [32]byte
	slots  chan struct{} // checks that may run at the same time
}

type user struct {
	hash  []byte
	known atomic.Pointer[[sha256.Size]byte] // of the password that was right
}

// ErrBusy says that too many passwords are being checked.
var ErrBusy = errors.New("too many passwords are being checked")

// NewUsers takes names and bcrypt hashes. An error names the user, and not
// the hash.
func NewUsers(hashes map[string]string) (*Users, error) {
	u := &Users{
		byName: make(map[string]*user, len(hashes)),
		// Half of the processors: wrong passwords must not keep alerts out.
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
	rand.Read(u.key[:]) // never fails, it says
	highest := -1
	for _, name := range sortedNames(hashes) {
		hash := []byte(hashes[name])
		cost, err := bcrypt.Cost(hash)
		if err != nil {
			return nil, fmt.Errorf("the password of %q is no bcrypt hash; make one with htpasswd -nBC 10 \"\"", name)
		}
		if strings.ContainsRune(name, ':') {
			return nil, fmt.Errorf("the name %q holds a colon, which ends a name in basic authentication; choose another", name)
		}
		if cost > highest {
			highest, u.decoy = cost, hash
		}
		u.byName[name] = &user{hash: hash}
	}
	return u, nil
}

func sortedNames(hashes map[string]string) []string {
	names := make([]string, 0, len(hashes))
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Valid reports whether the user has this password. A name that nobody has takes
// as long as a wrong password. ErrBusy after the deadline.
func (u *Users) Valid(name, password []byte, deadline time.Time) (bool, error) {
	known := u.byName[string(name)]
	shown := u.digest(password)
	if known != nil {
		if before := known.known.Load(); before != nil && hmac.Equal(before[:], shown[:]) {
			return true, nil
		}
	}
	if !u.enter(deadline) {
		return false, ErrBusy
	}
	defer func() { <-u.slots }()
	if known == nil {
		_ = bcrypt.CompareHashAndPassword(u.decoy, password)
		return false, nil
	}
	if bcrypt.CompareHashAndPassword(known.hash, password) != nil {
		return false, nil
	}
	known.known.Store(&shown)
	return true, nil
}

func (u *Users) enter(deadline time.Time) bool {
	select {
	case u.slots <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case u.slots <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

func (u *Users) digest(password []byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, u.key[:])
	mac.Write(password)
	mac.Sum(sum[:0])
	return sum
}
