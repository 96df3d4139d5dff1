package sentry_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/ingest/sentry"
)

func readAll(body string) (sentry.Header, []sentry.Item, error) {
	e, err := sentry.NewReader(strings.NewReader(body))
	if err != nil {
		return sentry.Header{}, nil, err
	}
	var items []sentry.Item
	for {
		item, err := e.Next()
		if errors.Is(err, io.EOF) {
			return e.Header(), items, nil
		}
		if err != nil {
			return e.Header(), items, err
		}
		items = append(items, item)
	}
}

func TestEnvelope(t *testing.T) {
	event := func(payload string) sentry.Item { return sentry.Item{Type: "event", Payload: []byte(payload)} }
	for _, row := range []struct {
		name, body string
		want       []sentry.Item
	}{
		{"header alone", `{}`, nil},
		{"header and newline", "{}\n", nil},
		{"length given", "{}\n{\"type\":\"event\",\"length\":2}\n{}\n", []sentry.Item{event("{}")}},
		{"length given, end without newline", "{}\n{\"type\":\"event\",\"length\":2}\n{}", []sentry.Item{event("{}")}},
		{"length given, newlines in the payload", "{}\n{\"type\":\"event\",\"length\":5}\n{\n\n\n}\n", []sentry.Item{event("{\n\n\n}")}},
		{"no length", "{}\n{\"type\":\"event\"}\n{\"a\":1}\n", []sentry.Item{event(`{"a":1}`)}},
		{"no length, carriage return kept", "{}\n{\"type\":\"event\"}\n{}\r\n", []sentry.Item{event("{}\r")}},
		{"length null", "{}\n{\"type\":\"event\",\"length\":null}\n{}\n", []sentry.Item{event("{}")}},
		{"empty payload at the end", "{}\n{\"type\":\"session\"}\n", []sentry.Item{{Type: "session"}}},
		{
			"attachment that looks like items", "{}\n{\"type\":\"attachment\",\"length\":21}\n{\"type\":\"event\"}\n{}xx\n\n{\"type\":\"event\"}\n{}\n",
			[]sentry.Item{{Type: "attachment"}, event("{}")},
		},
		{"types nobody knows", "{}\n{\"type\":\"tomorrow\",\"x\":[1]}\n???\n{\"type\":\"event\"}\n{}\n", []sentry.Item{{Type: "tomorrow"}, event("{}")}},
		{"blank lines between items", "{}\n\n{\"type\":\"session\"}\n{}\n\n\n{\"type\":\"event\"}\n{}\n\n", []sentry.Item{{Type: "session"}, event("{}")}},
		{
			"event too large, length given", "{}\n{\"type\":\"event\",\"length\":1048577}\n" + strings.Repeat("x", 1048577) + "\n{\"type\":\"session\"}\n{}\n",
			[]sentry.Item{{Type: "event", Large: true}, {Type: "session"}},
		},
		{
			"event too large, no length", "{}\n{\"type\":\"event\"}\n" + strings.Repeat("x", 1048577) + "\n{\"type\":\"session\"}\n{}\n",
			[]sentry.Item{{Type: "event", Large: true}, {Type: "session"}},
		},
		{
			"large attachment", "{}\n{\"type\":\"attachment\"}\n" + strings.Repeat("x", 3<<20) + "\n{\"type\":\"event\"}\n{}",
			[]sentry.Item{{Type: "attachment"}, event("{}")},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, got, err := readAll(row.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvelopeHeader(t *testing.T) {
	got, _, err := readAll(`{"event_id":"12345678-9ABC-DEF0-1234-56789abcdef0","dsn":"https://key@example/1","sdk":{}}` + "\n")
	want := sentry.Header{EventID: "123456789abcdef0123456789abcdef0", DSN: "https://key@example/1"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestEnvelopeBadFrame(t *testing.T) {
	const good = "{}\n{\"type\":\"event\"}\n{}\n"
	for _, row := range []struct{ name, body, want string }{
		{"nothing", "", `envelope header ""`},
		{"not JSON", "hello\n", `envelope header "hello"`},
		{"array as header", "[]\n", `envelope header "[]"`},
		{"header without end", "{\"a\":\"" + strings.Repeat("x", 1<<20), "envelope header"},
		{"item header not JSON", good + "rubbish\n{}\n", `item header "rubbish"`},
		{"item without type", good + "{}\n{}\n", "no type"},
		{"item ends early", good + "{\"type\":\"event\",\"length\":10}\n{}", `item "event" ends before its 10 bytes`},
		{"dropped item ends early", good + "{\"type\":\"x\",\"length\":10}\n{}", `item "x" ends before its 10 bytes`},
		{"item goes on", good + "{\"type\":\"event\",\"length\":1}\n{}\n", "goes on after its 1 bytes"},
		{"negative length", good + "{\"type\":\"event\",\"length\":-1}\n{}\n", `length of item "event" is "-1"`},
		{"length that is no number", good + "{\"type\":\"event\",\"length\":\"2\"}\n{}\n", "length of item"},
		{"length beyond all", good + "{\"type\":\"event\",\"length\":99999999999999999999}\n{}\n", "length of item"},
		{"items without end", "{}\n" + strings.Repeat("{\"type\":\"event\"}\n{}\n", 1001), "over 1000 items"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, items, err := readAll(row.body)
			var frame *sentry.FrameError
			if !errors.As(err, &frame) || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got %v, want a frame error with %q", err, row.want)
			}
			if strings.HasPrefix(row.body, good) && len(items) == 0 {
				t.Error("the good item before it was lost")
			}
		})
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte("{}\n{\"type\":\"event\",\"length\":2}\n{}\n"))
	f.Add([]byte("{\"dsn\":\"https://k@h/1\"}\n{\"type\":\"event\"}\n{\"exception\":[null,{\"type\":\"T\",\"value\":\"v 1\"}]}\n"))
	f.Add([]byte("{}\n{\"type\":\"attachment\",\"length\":3}\nabc\n{\"type\":\"session\"}\n{}"))
	f.Add([]byte(`{"exception":{"values":[{"stacktrace":{"frames":[{"module":"m","function":"f","in_app":true}]}}]},"fingerprint":["{{ default }}",1],"tags":[["a","b"]],"timestamp":1e9}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if e, err := sentry.NewReader(bytes.NewReader(body)); err == nil {
			for range 2000 {
				item, err := e.Next()
				if err != nil {
					break
				}
				checkEvent(t, item.Payload)
			}
		}
		checkEvent(t, body)
	})
}

// checkEvent holds for whatever anybody sends.
func checkEvent(t *testing.T, payload []byte) {
	event, err := sentry.ParseEvent(payload)
	if err != nil {
		return
	}
	group := event.Group()
	if len(group.Key) != 32 || len(group.Parts) == 0 {
		t.Errorf("group %+v", group)
	}
	title := event.Title()
	if title == "" || len([]rune(title)) > 200 || strings.ContainsAny(title, "\n\r\x00\x1b") {
		t.Errorf("title %q", title)
	}
	if len(event.ID) != 32 {
		t.Errorf("id %q", event.ID)
	}
}
