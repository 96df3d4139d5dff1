package sentry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"
)

// Bounds of what is looked at in one event.
const (
	maxExceptions  = 50
	maxFrames      = 250
	maxFingerprint = 20
)

// Event is what is used of an error event.
type Event struct {
	ID          string // 32 hexadecimal digits in lower case; made from the payload when the sender gave none
	Time        time.Time
	Level       string // fatal, error, warning, info, debug; "" means error
	Release     string
	Environment string
	Transaction string
	Message     string      // as a template where the sender has one
	Formatted   string      // the message with its values
	Exceptions  []Exception // the cause first, what was caught last
	Frames      []Frame     // of the thread that is the only one, or crashed
	Fingerprint []string
	Tags        map[string]string
}

// Exception is one member of a chain of errors.
type Exception struct {
	Type      string
	Value     string
	Synthetic bool // its type says nothing: the SDK made it up to carry a stack
	Frames    []Frame
}

// Frame is one call of a stack; the innermost comes last.
type Frame struct {
	Module   string
	Filename string
	Function string
	InApp    bool
}

// ErrNoEvent is returned for a payload that is no JSON object.
var ErrNoEvent = errors.New("read event: not a JSON object")

// ParseEvent reads one event. Only a payload that is no JSON object is an error: a member of an unknown shape is
// as good as absent.
func ParseEvent(payload []byte) (Event, error) {
	f, ok := parseObject(payload)
	if !ok {
		return Event{}, ErrNoEvent
	}
	e := Event{
		ID: eventID(text(f["event_id"])), Time: instant(f["timestamp"]), Level: strings.ToLower(text(f["level"])),
		Release: text(f["release"]), Environment: text(f["environment"]), Transaction: text(f["transaction"]),
		Tags: tags(f["tags"]),
	}
	if e.ID == "" {
		sum := sha256.Sum256(payload)
		e.ID = hex.EncodeToString(sum[:16])
	}
	e.Message, e.Formatted = message(f)
	for _, v := range list(f["exception"], maxExceptions) {
		if x, ok := exception(v); ok {
			e.Exceptions = append(e.Exceptions, x)
		}
	}
	e.Frames = threadFrames(f["threads"])
	for _, v := range list(f["fingerprint"], maxFingerprint) {
		if part := text(v); part != "" {
			e.Fingerprint = append(e.Fingerprint, part)
		}
	}
	return e, nil
}

// message finds an event's message, which stands under "logentry" or "message", as an object or as a string.
func message(event fields) (template, formatted string) {
	for _, key := range []string{"logentry", "message"} {
		if f := object(event[key]); f != nil {
			template, formatted = text(f["message"]), text(f["formatted"])
		} else {
			template, formatted = text(event[key]), ""
		}
		if template == "" {
			template = formatted
		}
		if formatted == "" {
			formatted = template
		}
		if template != "" {
			return template, formatted
		}
	}
	return "", ""
}

func exception(v any) (Exception, bool) {
	f := object(v)
	mechanism := object(f["mechanism"])
	x := Exception{Type: text(f["type"]), Value: text(f["value"]), Synthetic: truth(mechanism["synthetic"]), Frames: frames(f["stacktrace"])}
	return x, x.Type != "" || x.Value != "" || len(x.Frames) > 0
}

func frames(stacktrace any) []Frame {
	var out []Frame
	for _, v := range list(object(stacktrace)["frames"], maxFrames) {
		if f := object(v); f != nil {
			out = append(out, Frame{
				Module: text(f["module"]), Filename: text(f["filename"]), Function: text(f["function"]), InApp: truth(f["in_app"]),
			})
		}
	}
	return out
}

// threadFrames are the frames of the thread the event is about; with several and none crashed nobody knows which.
func threadFrames(v any) []Frame {
	threads := list(v, maxExceptions)
	for _, t := range threads {
		if f := object(t); len(threads) == 1 || truth(f["crashed"]) {
			return frames(f["stacktrace"])
		}
	}
	return nil
}

// ErrorType is the type of what was caught, or "".
func (e Event) ErrorType() string {
	if len(e.Exceptions) == 0 {
		return ""
	}
	if last := e.Exceptions[len(e.Exceptions)-1]; !last.Synthetic {
		return Line(last.Type)
	}
	return ""
}

// Title says in one bounded line of plain text what happened.
func (e Event) Title() string {
	if n := len(e.Exceptions); n > 0 {
		kind, value := e.ErrorType(), Line(e.Exceptions[n-1].Value)
		switch {
		case kind != "" && value != "":
			return Line(kind + ": " + value)
		case kind+value != "":
			return kind + value
		}
	}
	if m := Line(e.Formatted); m != "" {
		return m
	}
	return "error without type or message"
}

// maxLine bounds a line made of a sender's text, in characters.
const maxLine = 200

// Line is the first line of a sender's text that is not blank, bounded, without control characters.
func Line(s string) string {
	for part := range strings.Lines(s[:min(len(s), 64*maxLine)]) {
		clean := strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(part, "\uFFFD"))
		if clean = strings.Join(strings.Fields(clean), " "); clean != "" {
			if runes := []rune(clean); len(runes) > maxLine {
				return string(runes[:maxLine-1]) + "…"
			}
			return clean
		}
	}
	return ""
}
