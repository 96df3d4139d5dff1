// Package sentry reads what Sentry's SDKs send: the framing of envelopes, the many shapes of error events, and which
// events are the same error.
//
// Package ingest calls it with bytes that anybody may have sent, so nothing here trusts a length, a type or a depth;
// what cannot be used is left out, and an event that has nothing usable is still an event. Everything is pure: no
// clock, no network, no state.
//
// The wire is described in Sentry's developer documentation, "Envelopes" and "Event Payloads".
package sentry

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of one envelope's parts, in bytes.
const (
	MaxEvent  = 1 << 20  // an error event, as Sentry's own limit
	maxHeader = 64 << 10 // an envelope's or item's header line
	maxItems  = 1000     // items of one envelope, not bytes
)

// TypeEvent is the type of the items that carry errors and messages.
const TypeEvent = "event"

// Header is the first line of an envelope.
type Header struct {
	EventID string // of the event inside; wins over the event's own
	DSN     string // whom the sender means to reach; may hold the only key
}

// Item is one item of an envelope.
type Item struct {
	Type    string
	Payload []byte // of events no larger than [MaxEvent]; nil for all else
	Large   bool   // an event larger than that
}

// FrameError says that an envelope is not built as envelopes are. What was read before it is good.
type FrameError struct{ Problem string }

// Error names the problem.
func (e *FrameError) Error() string { return "read envelope: " + e.Problem }

// Reader reads one envelope as it streams in, and holds no more of it than one event.
type Reader struct {
	r      *bufio.Reader
	header Header
	items  int
}

// NewReader reads the header. Errors are a [*FrameError] or r's own.
func NewReader(r io.Reader) (*Reader, error) {
	e := &Reader{r: bufio.NewReader(r)}
	line, large, err := e.line(maxHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	f, ok := parseObject(line)
	if large || !ok {
		return nil, frameError("envelope header %.80q: expected a JSON object", line)
	}
	e.header = Header{EventID: eventID(text(f["event_id"])), DSN: text(f["dsn"])}
	return e, nil
}

// Header is the envelope's header.
func (e *Reader) Header() Header { return e.header }

// Next is the next item; [io.EOF] after the last. Other errors are a [*FrameError] or the underlying reader's own.
func (e *Reader) Next() (Item, error) {
	line, large, err := e.line(maxHeader)
	for err == nil && len(line) == 0 && !large { // blank lines between items and at the end
		line, large, err = e.line(maxHeader)
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return Item{}, err
	}
	f, ok := parseObject(line)
	if large || !ok {
		return Item{}, frameError("item header %.80q: expected a JSON object", line)
	}
	if e.items++; e.items > maxItems {
		return Item{}, frameError("over %d items", maxItems)
	}
	item := Item{Type: text(f["type"])}
	if item.Type == "" {
		return Item{}, frameError("item header %.80q: no type", line)
	}
	if length := f["length"]; length != nil {
		return e.sized(item, length)
	}
	return e.unsized(item)
}

// sized reads a payload whose header says how long it is.
func (e *Reader) sized(item Item, length any) (Item, error) {
	digits, isNumber := length.(json.Number)
	n, err := digits.Int64()
	if !isNumber || err != nil || n < 0 {
		return Item{}, frameError("length of item %.40q is %.40q", item.Type, text(length))
	}
	if item.Type == TypeEvent && n <= MaxEvent {
		item.Payload = make([]byte, n)
		if _, err := io.ReadFull(e.r, item.Payload); err != nil {
			return Item{}, endedEarly(err, item, n)
		}
	} else if _, err := io.CopyN(io.Discard, e.r, n); err != nil {
		return Item{}, endedEarly(err, item, n)
	}
	item.Large = item.Type == TypeEvent && n > MaxEvent
	switch next, err := e.r.ReadByte(); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return Item{}, err
	case next != '\n':
		return Item{}, frameError("item %.40q goes on after its %d bytes", item.Type, n)
	}
	return item, nil
}

// unsized reads a payload that runs to the end of its line.
func (e *Reader) unsized(item Item) (Item, error) {
	keep := 0
	if item.Type == TypeEvent {
		keep = MaxEvent
	}
	payload, large, err := e.line(keep)
	if err != nil && !errors.Is(err, io.EOF) {
		return Item{}, err
	}
	if item.Type == TypeEvent {
		item.Payload, item.Large = payload, large
		if large {
			item.Payload = nil
		}
	}
	return item, nil
}

// line reads to the next newline, which it drops, and keeps at most limit bytes of it; large says that there were more.
// At the end of the input it returns what there was, with io.EOF.
func (e *Reader) line(limit int) (line []byte, large bool, err error) {
	for {
		part, err := e.r.ReadSlice('\n')
		part = bytes.TrimSuffix(part, []byte("\n"))
		room := min(limit-len(line), len(part))
		line = append(line, part[:room]...)
		large = large || room < len(part)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, large, err
		}
	}
}

func endedEarly(err error, item Item, n int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return frameError("item %.40q ends before its %d bytes", item.Type, n)
	}
	return err
}

func frameError(format string, args ...any) error {
	return &FrameError{Problem: fmt.Sprintf(format, args...)}
}

// eventID is an event's id in the form all senders mean: 32 hexadecimal digits in lower case, or "".
func eventID(s string) string {
	s = strings.ToLower(strings.ReplaceAll(s, "-", ""))
	if len(s) != 32 || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}
