package sentry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/ingest/sentry"
)

const stack = `"stacktrace":{"frames":[{"module":"runtime","function":"main"},{"module":"main","function":"main","in_app":true},{"module":"main","function":"handle","in_app":true,"lineno":10}]}`

// TestGroups: pairs of events that are, or are not, the same error.
func TestGroups(t *testing.T) {
	for _, row := range []struct {
		name, a, b string
		same       bool
	}{
		{
			"another line number", `{"exception":{"type":"T",` + stack + `}}`,
			`{"exception":{"type":"T","stacktrace":{"frames":[{"module":"main","function":"main","in_app":true},{"module":"main","function":"handle","in_app":true,"lineno":99}]}}}`, true,
		},
		{"another value, same stack", `{"exception":{"type":"T","value":"user anna",` + stack + `}}`, `{"exception":{"type":"T","value":"user bert",` + stack + `}}`, true},
		{"another type", `{"exception":{"type":"T",` + stack + `}}`, `{"exception":{"type":"U",` + stack + `}}`, false},
		{"another synthetic type", `{"exception":{"type":"T","mechanism":{"synthetic":true},` + stack + `}}`, `{"exception":{"type":"U","mechanism":{"synthetic":true},` + stack + `}}`, true},
		{
			"another function", `{"exception":{"type":"T",` + stack + `}}`,
			`{"exception":{"type":"T","stacktrace":{"frames":[{"module":"main","function":"main","in_app":true},{"module":"main","function":"other","in_app":true}]}}}`, false,
		},
		{
			"deeper recursion", `{"exception":{"type":"T","stacktrace":{"frames":[{"module":"m","function":"f"},{"module":"m","function":"f"}]}}}`,
			`{"exception":{"type":"T","stacktrace":{"frames":[{"module":"m","function":"f"}]}}}`, true,
		},
		{
			"the value of a cause without stack (sentry-go)", `{"exception":[{"type":"I","value":"dial 10.0.0.1:80"},{"type":"O",` + stack + `}]}`,
			`{"exception":[{"type":"I","value":"no route to host"},{"type":"O",` + stack + `}]}`, true,
		},
		{"the type of a cause without stack", `{"exception":[{"type":"I","value":"x"},{"type":"O",` + stack + `}]}`, `{"exception":[{"type":"J","value":"x"},{"type":"O",` + stack + `}]}`, false},
		{"two or three causes of a type", `{"exception":[{"type":"I"},{"type":"I"},{"type":"O",` + stack + `}]}`, `{"exception":[{"type":"I"},{"type":"I"},{"type":"I"},{"type":"O",` + stack + `}]}`, true},
		{"no stack, values apart by number", `{"exception":{"type":"T","value":"order 7 lost"}}`, `{"exception":{"type":"T","value":"order 8 lost"}}`, true},
		{"no stack, values apart by word", `{"exception":{"type":"T","value":"order lost"}}`, `{"exception":{"type":"T","value":"order late"}}`, false},
		{"message templates", `{"logentry":{"message":"hello %s","formatted":"hello anna"}}`, `{"logentry":{"message":"hello %s","formatted":"hello bert"}}`, true},
		{"messages", `{"message":"disk full"}`, `{"message":"disk gone"}`, false},
		{"message and exception", `{"message":"x"}`, `{"exception":{"type":"x"}}`, false},
		{"fingerprint joins", `{"fingerprint":["db"],"message":"x"}`, `{"fingerprint":["db"],"message":"y"}`, true},
		{"fingerprint parts are apart", `{"fingerprint":["a","b"]}`, `{"fingerprint":["ab"]}`, false},
		{"default fingerprint is none", `{"fingerprint":["{{ default }}"],"message":"x"}`, `{"message":"x"}`, true},
		{"fingerprint splits the default", `{"fingerprint":["{{ default }}","eu"],"message":"x"}`, `{"fingerprint":["{{default}}","us"],"message":"x"}`, false},
		{"fingerprint by tag", `{"fingerprint":["{{ tags.tenant }}"],"tags":{"tenant":"a"}}`, `{"fingerprint":["{{ tags.tenant }}"],"tags":{"tenant":"b"}}`, false},
		{"fingerprint by function", `{"fingerprint":["{{ function }}"],"exception":{"type":"A",` + stack + `}}`, `{"fingerprint":["{{ function }}"],"exception":{"type":"B",` + stack + `}}`, true},
		{"environment, release and level", `{"message":"x","environment":"a","release":"1","level":"error"}`, `{"message":"x","environment":"b","release":"2","level":"fatal"}`, true},
		{
			"build path of a script", `{"exception":{"type":"T","stacktrace":{"frames":[{"filename":"https://a/app.1f.js","function":"f"}]}}}`,
			`{"exception":{"type":"T","stacktrace":{"frames":[{"filename":"https://a/app.2e.js","function":"f"}]}}}`, true,
		},
		{
			"folder of a file", `{"exception":{"type":"T","stacktrace":{"frames":[{"filename":"/srv/1/App.py","function":"f"}]}}}`,
			`{"exception":{"type":"T","stacktrace":{"frames":[{"filename":"C:\\srv\\2\\app.py","function":"f"}]}}}`, true,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, b := parse(t, row.a).Group(), parse(t, row.b).Group()
			if same := a.Key == b.Key; same != row.same {
				t.Errorf("same group: %v, want %v\n%q\n%q", same, row.same, a.Parts, b.Parts)
			}
		})
	}
}

func TestGroupSaysWhy(t *testing.T) {
	got := parse(t, `{"exception":[{"type":"I","value":"x"},{"type":"O","value":"y",`+stack+`}]}`).Group().Parts
	want := []string{"type I", "type O", "call main main", "call main handle"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTemplate(t *testing.T) {
	for _, row := range []struct{ name, message, want string }{
		{"nothing to take out", "disk full", "disk full"},
		{"numbers", "order 17 of 3.5 kg lost", "order # of # kg lost"},
		{"punctuation stays", "user (42): not found", "user (#): not found"},
		{"ids", "job 6ba7b810-9dad-11d1-80b4-00c04fd430c8 and 0xdeadbeef1", "job # and #"},
		{"addresses", "dial tcp 10.0.0.7:5432: refused", "dial tcp #: refused"},
		{"URL", `Get https://api.example/users: refused`, "Get #: refused"},
		{"mail", "no user anna@example.org", "no user #"},
		{"quotes", `unknown key "anna" in 'x y' and ` + "`z`", `unknown key "#" in "#" and "#"`},
		{"apostrophe", "can't open the user's file", "can't open the user's file"},
		{"open quote", `bad "thing`, `bad "thing`},
		{"name and value", "timeout=30s user=anna", "timeout=# user=#"},
		{"spaces", "  a \t b\n\n c\nd", "a b c"},
		{"empty", " \n ", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := sentry.Template(row.message); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
