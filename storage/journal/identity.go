package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
)

const (
	identityName  = "identity"
	identityMagic = "STRMDID\n"
	identityLen   = 44
)

// identity is the journal's name for the store, which keeps one position for
// each. Frames before covers were stored under an earlier one.
type identity struct {
	id     [16]byte
	covers uint64 // first position under this identity
}

func newIdentity(covers uint64) identity {
	n := identity{covers: covers}
	_, _ = rand.Read(n.id[:]) // never fails: the program is ended instead
	return n
}

func (n *identity) encode() []byte {
	b := make([]byte, identityLen)
	copy(b, identityMagic)
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	copy(b[12:], n.id[:])
	binary.LittleEndian.PutUint64(b[28:], n.covers)
	binary.LittleEndian.PutUint32(b[40:], checksum(0, b[:40]))
	return b
}

var errBadIdentity = errors.New("journal identity is damaged")

func decodeIdentity(b []byte) (n identity, err error) {
	if len(b) != identityLen || string(b[:8]) != identityMagic ||
		binary.LittleEndian.Uint32(b[8:]) != formatVersion ||
		binary.LittleEndian.Uint32(b[40:]) != checksum(0, b[:40]) {
		return n, errBadIdentity
	}
	copy(n.id[:], b[12:])
	n.covers = binary.LittleEndian.Uint64(b[28:])
	return n, nil
}

func (j *Journal) readIdentity() (identity, error) {
	f, err := j.fs.Open(j.path(identityName))
	if err != nil {
		return identity{}, err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, identityLen)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return identity{}, fmt.Errorf("%w: %d bytes: %w", errBadIdentity, n, err)
	}
	return decodeIdentity(b)
}

// openIdentity reads the identity or makes one. A lost one is replaced by one
// that covers all there is: what the store has under the old one may be stored
// again, which is better than what it does not have being lost.
func (j *Journal) openIdentity(oldest uint64) error {
	n, err := j.readIdentity()
	if err == nil {
		j.identity = n
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		_, _ = j.moveAside(identityName) // best effort: it is overwritten below
	}
	n = newIdentity(oldest)
	if err := j.writeIdentity(n); err != nil {
		return err
	}
	j.identity = n
	return nil
}

// writeIdentity replaces the file: after a crash it is the old or the new one.
func (j *Journal) writeIdentity(n identity) error {
	tmp := j.path(identityName + ".tmp")
	_ = j.fs.Remove(tmp) // of a crash in here
	f, err := j.fs.Create(tmp)
	if err != nil {
		return fmt.Errorf("journal identity: %w", err)
	}
	err = writeAll(f, n.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = j.fs.Rename(tmp, j.path(identityName))
	}
	if err == nil {
		err = j.fs.SyncDir(j.cfg.Dir)
	}
	if err != nil {
		return fmt.Errorf("journal identity: %w", err)
	}
	return nil
}

// NewIdentity gives the journal a new random identity and makes it durable. It
// is for a journal that ends before the store's position, because the disk was
// restored or damaged: under the old identity new frames would be taken for
// ones that are stored already. All frames up to LastAtOpen count as stored;
// those appended since are the first under the new identity.
func (j *Journal) NewIdentity() ([16]byte, error) {
	j.identityMu.Lock()
	defer j.identityMu.Unlock()
	n := newIdentity(j.lastAtOpen + 1)
	if err := j.writeIdentity(n); err != nil {
		return j.ID(), err
	}
	j.mu.Lock()
	j.identity = n
	j.mu.Unlock()
	j.Stored(j.lastAtOpen)
	return n.id, nil
}
