package apply

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// FuzzRefusal feeds the reader of answers with anything: it gives an error that a terminal does not obey, and only a
// router's own words are taken for a judgement of the file.
func FuzzRefusal(f *testing.F) {
	f.Add(422, "", `{"code":"refused","message":"no","problems":["oncall.toml:1: no\u001b[31m"]}`)
	f.Add(307, "http://elsewhere/\x1b", "")
	f.Add(503, "", `{"code":"unavailable","message":"try again\n later"}`)
	f.Add(409, "", `<html>`)
	f.Fuzz(func(t *testing.T, status int, location, body string) {
		r := &Router{base: &url.URL{Scheme: "http", Host: "router"}, token: "top-secret"}
		err := r.refusal(status, http.Header{"Location": {location}}, []byte(body))
		shown := []string{err.Error()}
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			shown = append(shown, refused.Problems...)
			if !strings.Contains(body, "{") {
				t.Errorf("%q was taken for a router's answer", body)
			}
		}
		for _, text := range shown {
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("found %q", text)
			}
		}
	})
}
