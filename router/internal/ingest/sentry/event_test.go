package sentry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/ingest/sentry"
)

func parse(t *testing.T, payload string) sentry.Event {
	t.Helper()
	e, err := sentry.ParseEvent([]byte(payload))
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return e
}

// TestShapes holds that the same fact in any SDK's shape is the same fact.
func TestShapes(t *testing.T) {
	boom := []sentry.Exception{{Type: "T", Value: "boom"}}
	oneFrame := []sentry.Frame{{Module: "m", Function: "f", InApp: true}}
	at := time.Date(2026, 11, 22, 2, 45, 23, 500_000_000, time.UTC)
	for _, row := range []struct {
		name, payload string
		got           func(sentry.Event) any
		want          any
	}{
		{"exception as list (sentry-go)", `{"exception":[{"type":"T","value":"boom"}]}`, exceptions, boom},
		{"exception under values (node)", `{"exception":{"values":[{"type":"T","value":"boom"}]}}`, exceptions, boom},
		{"exception bare", `{"exception":{"type":"T","value":"boom"}}`, exceptions, boom},
		{"nulls in lists", `{"exception":{"values":[null,{"type":"T","value":"boom","stacktrace":null},null]}}`, exceptions, boom},
		{"exception null", `{"exception":null}`, exceptions, []sentry.Exception(nil)},
		{"exception of another kind", `{"exception":7}`, exceptions, []sentry.Exception(nil)},
		{
			"type null (node, synthetic)", `{"exception":{"values":[{"type":null,"value":"boom","mechanism":{"synthetic":true}}]}}`, exceptions,
			[]sentry.Exception{{Value: "boom", Synthetic: true}},
		},
		{"value as number", `{"exception":{"type":"T","value":404}}`, exceptions, []sentry.Exception{{Type: "T", Value: "404"}}},
		{
			"frames", `{"exception":{"type":"T","stacktrace":{"frames":[null,{"module":"m","function":"f","in_app":true,"lineno":"x"}]}}}`, exceptions,
			[]sentry.Exception{{Type: "T", Frames: oneFrame}},
		},
		{"one thread (go AttachStacktrace)", `{"threads":[{"stacktrace":{"frames":[{"module":"m","function":"f","in_app":true}]}}]}`, threads, oneFrame},
		{"threads under values, one crashed", `{"threads":{"values":[{"id":1},{"crashed":true,"stacktrace":{"frames":[{"module":"m","function":"f","in_app":true}]}}]}}`, threads, oneFrame},
		{"threads, none crashed", `{"threads":{"values":[{"id":1},{"id":2}]}}`, threads, []sentry.Frame(nil)},
		{"message as string", `{"message":"m"}`, message, "m"},
		{"message as object", `{"message":{"message":"m %s","formatted":"m x"}}`, message, "m %s"},
		{"logentry as string", `{"logentry":"m"}`, message, "m"},
		{"logentry as object", `{"logentry":{"message":"m %s","params":["x"]}}`, message, "m %s"},
		{"logentry, formatted alone", `{"logentry":{"formatted":"m x","params":{"a":1}}}`, message, "m x"},
		{"time as number", `{"timestamp":1795315523.5}`, when, at},
		{"time as number in a string", `{"timestamp":"1795315523.5"}`, when, at},
		{"time in ISO 8601", `{"timestamp":"2026-11-22T02:45:23.5Z"}`, when, at},
		{"time with offset", `{"timestamp":"2026-11-22T03:45:23.500+01:00"}`, when, at},
		{"time without zone", `{"timestamp":"2026-11-22T02:45:23.500000"}`, when, at},
		{"time as nonsense", `{"timestamp":"soon"}`, when, time.Time{}},
		{"time beyond all", `{"timestamp":1e300}`, when, time.Time{}},
		{"tags as map", `{"tags":{"a":"b","n":1}}`, tags, map[string]string{"a": "b", "n": "1"}},
		{"tags as pairs", `{"tags":[["a","b"],null,["n",1],["odd"]]}`, tags, map[string]string{"a": "b", "n": "1"}},
		{"fingerprint with numbers", `{"fingerprint":["a",1,null]}`, fingerprint, []string{"a", "1"}},
		{"fingerprint as string", `{"fingerprint":"a"}`, fingerprint, []string(nil)},
		{"id with dashes", `{"event_id":"12345678-9ABC-def0-1234-56789abcdef0"}`, id, "123456789abcdef0123456789abcdef0"},
		{"surprises", `{"user":{"id":7},"platform":"cobol","_meta":{"x":{}},"request":{"headers":[["a","b"]]},"level":["x"],"message":"m"}`, message, "m"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, row.got(parse(t, row.payload))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func exceptions(e sentry.Event) any  { return e.Exceptions }
func threads(e sentry.Event) any     { return e.Frames }
func message(e sentry.Event) any     { return e.Message }
func when(e sentry.Event) any        { return e.Time }
func tags(e sentry.Event) any        { return e.Tags }
func fingerprint(e sentry.Event) any { return e.Fingerprint }
func id(e sentry.Event) any          { return e.ID }

func TestNoEvent(t *testing.T) {
	for _, payload := range []string{"", "null", "[]", "7", `"x"`, "{", strings.Repeat("[", 1<<16), strings.Repeat(`{"a":`, 1<<16)} {
		if _, err := sentry.ParseEvent([]byte(payload)); !errors.Is(err, sentry.ErrNoEvent) {
			t.Errorf("%.20q: got %v, want ErrNoEvent", payload, err)
		}
	}
}

func TestEventWithoutIDSentAgainIsTheSame(t *testing.T) {
	a, b, c := parse(t, `{"message":"m"}`), parse(t, `{"message":"m"}`), parse(t, `{"message":"n"}`)
	if a.ID != b.ID || a.ID == c.ID {
		t.Errorf("got ids %s, %s, %s", a.ID, b.ID, c.ID)
	}
}

func TestTitle(t *testing.T) {
	for _, row := range []struct{ name, payload, want string }{
		{"type and value", `{"exception":[{"type":"Inner","value":"x"},{"type":"Outer","value":"y"}]}`, "Outer: y"},
		{"first line that says something", `{"exception":{"type":"T","value":"\n  \nfirst\nsecond"}}`, "T: first"},
		{"type alone", `{"exception":{"type":"T"}}`, "T"},
		{"synthetic", `{"exception":{"type":"Error","value":"v","mechanism":{"synthetic":true}}}`, "v"},
		{"message with its values", `{"logentry":{"message":"m %s","formatted":"m x"}}`, "m x"},
		{"nothing", `{}`, "error without type or message"},
		{"control characters", `{"message":"a\u001b[31mb\u0000c\u2028d"}`, "a [31mb c d"},
		{"too long", `{"message":"` + strings.Repeat("ü", 300) + `"}`, strings.Repeat("ü", 199) + "…"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := parse(t, row.payload).Title(); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
