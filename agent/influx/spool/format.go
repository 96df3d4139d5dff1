package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A segment is a header and records, little endian:
//
//	header  magic "NEZSPOOL" · version u32 · kind u32 · number of the first record u64 · time of it i64 · CRC32C of all that u32
//	record  length of the lines u32 · time i64 · CRC32C of the lines u32 · CRC32C of all that u32 · lines of line protocol
//
// Times are nanoseconds since 1970. A length has a checksum before it is believed: otherwise one that is damaged would look like
// a record that a kill cut off. A later version keeps magic and version where they are.
const (
	magic         = "NEZSPOOL"
	version       = 1 // what is written
	oldestVersion = 1 // what is still read: the version before, once there is one
	headerSize    = 36
	recordHead    = 20
	maxRecord     = 64 << 10 // lines that share a record; a longer line has one of its own
	maxLine       = 16 << 20 // longest line, newline included
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Kind is what a lane of the spool holds.
type Kind uint8

// Kinds. Samples are those that may overtake each other.
const (
	Event Kind = iota + 1
	Sample
)

func (k Kind) String() string {
	switch k {
	case Event:
		return "events"
	case Sample:
		return "samples"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// header is the beginning of a segment.
type header struct {
	kind  Kind
	first uint64 // number of its first record
	time  time.Time
}

func (h header) append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.kind))
	dst = binary.LittleEndian.AppendUint64(dst, h.first)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.time.UnixNano()))
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
}

// unknownVersion is a segment that another release wrote.
type unknownVersion uint32

func (v unknownVersion) Error() string {
	return fmt.Sprintf("found version %d, expected %d to %d", uint32(v), oldestVersion, version)
}

// errTorn is the end of a segment in the middle of something.
var errTorn = errors.New("found the end of the file within a record")

func parseHeader(data []byte) (header, error) {
	if len(data) < headerSize {
		return header{}, errTorn
	}
	if found := string(data[:len(magic)]); found != magic {
		return header{}, fmt.Errorf("found %q at its begin, expected %q", found, magic)
	}
	if v := binary.LittleEndian.Uint32(data[8:]); v < oldestVersion || v > version {
		return header{}, unknownVersion(v)
	}
	if want, sum := crc32.Checksum(data[:headerSize-4], castagnoli), binary.LittleEndian.Uint32(data[headerSize-4:]); sum != want {
		return header{}, fmt.Errorf("found checksum %08x in its header, expected %08x", sum, want)
	}
	kind := binary.LittleEndian.Uint32(data[12:])
	if kind != uint32(Event) && kind != uint32(Sample) {
		return header{}, fmt.Errorf("found kind %d in its header, expected %d or %d", kind, Event, Sample)
	}
	return header{
		kind:  Kind(kind),
		first: binary.LittleEndian.Uint64(data[16:]),
		time:  time.Unix(0, int64(binary.LittleEndian.Uint64(data[24:]))),
	}, nil
}

// record is one write of some lines, or a part of one.
type record struct {
	time  time.Time // when it was written
	lines []byte    // whole ones, each with its newline
}

func (r record) append(dst []byte) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(r.lines)))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.time.UnixNano()))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(r.lines, castagnoli))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
	return append(dst, r.lines...)
}

func (r record) size() int64 { return recordHead + int64(len(r.lines)) }

// readRecord reads the next record of which in has left bytes: [io.EOF] when there are none, [errTorn] when the record would be
// longer than that, another error when it is damaged. When only its lines are damaged they are there, beside the error. The lines
// are in buf if they fit.
func readRecord(in io.Reader, left int64, buf []byte) (record, error) {
	if left == 0 {
		return record{}, io.EOF
	}
	if left < recordHead {
		return record{}, errTorn
	}
	var head [recordHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return record{}, cut(err)
	}
	if want, sum := crc32.Checksum(head[:16], castagnoli), binary.LittleEndian.Uint32(head[16:]); sum != want {
		return record{}, fmt.Errorf("found checksum %08x before a record, expected %08x", sum, want)
	}
	length := int(binary.LittleEndian.Uint32(head[:]))
	switch {
	case length == 0 || length > maxLine:
		return record{}, fmt.Errorf("found a record of %d bytes, expected 1 to %d", length, maxLine)
	case int64(length) > left-recordHead:
		return record{}, errTorn
	}
	lines := buf[:0]
	if cap(buf) < length {
		lines = make([]byte, length)
	}
	lines = lines[:length]
	if _, err := io.ReadFull(in, lines); err != nil {
		return record{}, cut(err)
	}
	r := record{time.Unix(0, int64(binary.LittleEndian.Uint64(head[4:]))), lines}
	if want, sum := crc32.Checksum(lines, castagnoli), binary.LittleEndian.Uint32(head[12:]); sum != want {
		return r, fmt.Errorf("found checksum %08x of a record's lines, expected %08x", sum, want)
	}
	if end := lines[length-1]; end != '\n' {
		return r, fmt.Errorf("found %q at the end of a record's lines, expected a newline", end)
	}
	return r, nil
}

// cut makes one word of the two for a file that is shorter than it was.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}
