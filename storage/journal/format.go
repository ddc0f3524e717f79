package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// The file format, exactly: docs/journal-format.md.
const (
	magic         = "STRMDRN\n"
	formatVersion = 1
	headerLen     = 48
	recordLen     = 32        // of a record's own header
	maxRecord     = 256 << 20 // of a whole record: what a reader may have to hold in memory
	suffix        = ".seg"
)

// Kind says what a Record is.
type Kind uint8

// KindEntry and KindFrame are also the values in the file. KindLost is only reported.
const (
	KindEntry Kind = iota + 1
	KindFrame
	KindLost
)

// segmentHeader is the start of a segment.
type segmentHeader struct {
	number uint64
	first  uint64 // position of its first frame; what older segments hold from here on does not count
	floor  int64  // no frame in it was received before, µs since 1970
	epoch  uint32 // random; every checksum in the segment begins with it
}

// checksum is CRC32C. MakeTable returns the one that the standard library keeps,
// for which it takes the processor's own instruction.
func checksum(seed uint32, b []byte) uint32 {
	return crc32.Update(seed, crc32.MakeTable(crc32.Castagnoli), b)
}

// errVersion is not damage: a program that is too old must leave the file alone.
var errVersion = errors.New("segment has format version")

func (h *segmentHeader) encode() []byte {
	b := make([]byte, headerLen)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint32(b[12:], h.epoch)
	binary.LittleEndian.PutUint64(b[16:], h.number)
	binary.LittleEndian.PutUint64(b[24:], h.first)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.floor))
	binary.LittleEndian.PutUint32(b[44:], checksum(0, b[:44]))
	return b
}

func decodeHeader(b []byte) (segmentHeader, error) {
	if len(b) < headerLen || string(b[:8]) != magic {
		return segmentHeader{}, errors.New("no segment header")
	}
	if sum := binary.LittleEndian.Uint32(b[44:]); sum != checksum(0, b[:44]) {
		return segmentHeader{}, errors.New("segment header has a wrong checksum")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != formatVersion {
		return segmentHeader{}, fmt.Errorf("%w %d, this program reads %d", errVersion, v, formatVersion)
	}
	return segmentHeader{
		epoch:  binary.LittleEndian.Uint32(b[12:]),
		number: binary.LittleEndian.Uint64(b[16:]),
		first:  binary.LittleEndian.Uint64(b[24:]),
		floor:  int64(binary.LittleEndian.Uint64(b[32:])),
	}, nil
}

// recordHeader stands before every payload. It has a checksum of its own: the
// length of a record with a damaged payload can still be trusted, and looking
// for the next good record costs nothing for bytes that only resemble one.
type recordHeader struct {
	length     int64 // of the whole record
	kind       Kind
	number     uint64 // an entry's number or a frame's position
	receivedAt int64
}

// seal fills in the header that b begins with; b is the whole record.
func (h *recordHeader) seal(epoch uint32, b []byte) {
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	b[4], b[5], b[6], b[7] = byte(h.kind), 0, 0, 0
	binary.LittleEndian.PutUint64(b[8:], h.number)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.receivedAt))
	sum := checksum(epoch, b[:24])
	binary.LittleEndian.PutUint32(b[24:], sum)
	binary.LittleEndian.PutUint32(b[28:], checksum(sum, b[recordLen:]))
}

// resembles is the cheap half of decodeRecord: false for nearly every offset
// that is not the start of a record.
func resembles(b []byte) bool {
	return (b[4] == byte(KindEntry) || b[4] == byte(KindFrame)) && b[5]|b[6]|b[7] == 0 && b[3] <= maxRecord>>24
}

// decodeRecord reads the recordLen bytes at the start of b. False: no record begins there.
func decodeRecord(epoch uint32, b []byte) (recordHeader, bool) {
	n := int64(binary.LittleEndian.Uint32(b))
	if !resembles(b) || n < recordLen || n > maxRecord ||
		binary.LittleEndian.Uint32(b[24:]) != checksum(epoch, b[:24]) {
		return recordHeader{}, false
	}
	return recordHeader{
		length:     n,
		kind:       Kind(b[4]),
		number:     binary.LittleEndian.Uint64(b[8:]),
		receivedAt: int64(binary.LittleEndian.Uint64(b[16:])),
	}, true
}

// intact reports whether the payload of the whole record b is what was written.
func intact(b []byte) bool {
	return binary.LittleEndian.Uint32(b[28:]) == checksum(binary.LittleEndian.Uint32(b[24:]), b[recordLen:])
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, suffix) }

func parseSegmentName(name string) (uint64, bool) {
	hex, ok := strings.CutSuffix(name, suffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, err == nil
}
