package pagerduty_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"nezuban/router/internal/page/pagerduty"
)

func TestSigned(t *testing.T) {
	sign := func(key, body string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body))
		return "v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	for _, row := range []struct {
		name    string
		secrets []string
		header  string
		want    bool
	}{
		{"one of each", []string{"a"}, sign("a", "body"), true},
		{"the second secret, the third signature", []string{"a", "b"}, sign("x", "body") + "," + sign("y", "body") + ", " + sign("b", "body"), true},
		{"no secret", nil, sign("", "body"), false},
		{"a secret that is empty", []string{""}, sign("", "body"), false},
		{"another body", []string{"a"}, sign("a", "bodY"), false},
		{"no signature", []string{"a"}, "", false},
		{"cut off", []string{"a"}, sign("a", "body")[:60], false},
		{"no hexadecimal", []string{"a"}, "v1=zz", false},
		{"nothing after the version", []string{"a"}, "v1=", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := pagerduty.Signed(row.secrets, row.header, []byte("body")); got != row.want {
				t.Errorf("signed %v, want %v", got, row.want)
			}
		})
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"event":{"id":"1","event_type":"incident.resolved","agent":null,"data":{"id":"P","incident_key":"k","assignees":[{"id":"U"}]}}}`))
	f.Add([]byte(`{"event":{"event_type":"pagey.ping","data":{"message":"hello"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if e, err := pagerduty.ParseEvent(body); err == nil && e.Type == "" {
			t.Errorf("%q: an event without a type", body)
		}
	})
}
