package calendar

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// read is a small reader of RFC 5545 that knows nothing of the writer: it joins folded lines, splits components and
// properties, and undoes the escapes. It refuses what the RFC refuses.
func read(data []byte) (name string, events []Event, stamps []string, err error) {
	lines, err := unfold(string(data))
	if err != nil {
		return "", nil, nil, err
	}
	var open []string
	var e Event
	for _, line := range lines {
		property, value, ok := strings.Cut(line, ":")
		if !ok {
			return "", nil, nil, fmt.Errorf("line %q has no colon", line)
		}
		switch property {
		case "BEGIN":
			open, e = append(open, value), Event{}
		case "END":
			if len(open) == 0 || open[len(open)-1] != value {
				return "", nil, nil, fmt.Errorf("END:%s within %q", value, open)
			}
			if value == "VEVENT" {
				events = append(events, e)
			}
			open = open[:len(open)-1]
		case "X-WR-CALNAME":
			name = unescape(value)
		case "UID":
			e.UID = unescape(value)
		case "SUMMARY":
			e.Summary = unescape(value)
		case "DESCRIPTION":
			e.Description = unescape(value)
		case "DTSTAMP":
			stamps = append(stamps, value)
		case "DTSTART":
			e.From, err = time.Parse("20060102T150405Z07:00", value)
		case "DTEND":
			e.To, err = time.Parse("20060102T150405Z07:00", value)
		case "VERSION", "PRODID", "TRANSP":
		default:
			err = fmt.Errorf("unexpected property %q", property)
		}
		if err != nil {
			return "", nil, nil, err
		}
	}
	if len(open) > 0 {
		return "", nil, nil, fmt.Errorf("%q not ended", open)
	}
	return name, events, stamps, nil
}

func unfold(data string) ([]string, error) {
	body, ok := strings.CutSuffix(data, "\r\n")
	if !ok {
		return nil, errors.New("no CRLF at the end")
	}
	var lines []string
	for physical := range strings.SplitSeq(body, "\r\n") {
		switch {
		case len(physical) > 75:
			return nil, fmt.Errorf("%d octets in %q", len(physical), physical)
		case !utf8.ValidString(physical):
			return nil, fmt.Errorf("a character is cut in %q", physical)
		case strings.ContainsAny(physical, "\r\n"):
			return nil, fmt.Errorf("a bare CR or LF in %q", physical)
		case strings.HasPrefix(physical, " ") && len(lines) > 0:
			lines[len(lines)-1] += physical[1:]
		default:
			lines = append(lines, physical)
		}
	}
	return lines, nil
}

func unescape(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n", `\N`, "\n").Replace(value)
}

func TestWrite(t *testing.T) {
	var out bytes.Buffer
	event := Event{
		UID: "1@x", From: time.Date(2026, 1, 5, 9, 0, 0, 0, time.FixedZone("CET", 3600)), To: time.Date(2026, 1, 12, 8, 0, 0, 0, time.UTC),
		Summary: "api; web: alice, b\\b", Description: "one\ntwo",
	}
	if err := Write(&out, "on call", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), []Event{event}); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//nezuban//nezuban-oncall//EN
X-WR-CALNAME:on call
BEGIN:VEVENT
UID:1@x
DTSTAMP:20260101T000000Z
DTSTART:20260105T080000Z
DTEND:20260112T080000Z
SUMMARY:api\; web: alice\, b\\b
DESCRIPTION:one\ntwo
TRANSP:TRANSPARENT
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRoundTrip reads back whatever names can be written in a rotation file, in lines that no reader refuses.
func TestRoundTrip(t *testing.T) {
	line := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune(`\;,:" nN😀é`)), rapid.Rune())).Filter(func(s string) bool {
		return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
	})
	rapid.Check(t, func(t *rapid.T) {
		var events []Event
		for range rapid.IntRange(0, 3).Draw(t, "events") {
			from := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "from"), 0).UTC()
			events = append(events, Event{
				UID: line.Draw(t, "uid"), From: from, To: from.Add(time.Hour),
				Summary: line.Draw(t, "summary"), Description: line.Draw(t, "line") + "\n" + line.Draw(t, "line"),
			})
		}
		name := line.Draw(t, "name")
		var out bytes.Buffer
		if err := Write(&out, name, time.Unix(0, 0), events); err != nil {
			t.Fatal(err)
		}
		gotName, got, stamps, err := read(out.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		if gotName != name || len(stamps) != len(events) || !cmp.Equal(events, got) {
			t.Fatalf("%q: (-written +read):\n%s", gotName, cmp.Diff(events, got))
		}
	})
}

func TestTextLeavesOutWhatCannotBeWritten(t *testing.T) {
	if got := text("a\x00b\rc\x7fd\xffe"); got != "abcd\uFFFDe" {
		t.Errorf("got %q", got)
	}
}
