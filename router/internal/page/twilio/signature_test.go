package twilio_test

import (
	"net/url"
	"testing"

	"nezuban/router/internal/page/twilio"
)

// The example of the provider's documentation.
const (
	exampleToken   = "12345"
	exampleAddress = "https://example.com/myapp.php?foo=1&bar=2"
	exampleSigned  = "L/OH5YylLD5NRKLltdqwSvS0BnU="
)

func exampleForm() url.Values {
	return url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675310"}, "Digits": {"1234"}, "From": {"+14158675310"}, "To": {"+18005551212"}}
}

func TestSigned(t *testing.T) {
	other := exampleForm()
	other.Set("Digits", "4")
	more := exampleForm()
	more.Set("Extra", "")
	for _, row := range []struct {
		name, token, address, signature string
		form                            url.Values
		want                            bool
	}{
		{"the provider's example", exampleToken, exampleAddress, exampleSigned, exampleForm(), true},
		{"its port written out", exampleToken, "https://example.com:443/myapp.php?foo=1&bar=2", exampleSigned, exampleForm(), true},
		{"another port", exampleToken, "https://example.com:8443/myapp.php?foo=1&bar=2", exampleSigned, exampleForm(), false},
		{"another scheme", exampleToken, "http://example.com/myapp.php?foo=1&bar=2", exampleSigned, exampleForm(), false},
		{"another key pressed", exampleToken, exampleAddress, exampleSigned, other, false},
		{"a parameter more", exampleToken, exampleAddress, exampleSigned, more, false},
		{"another account", "12346", exampleAddress, exampleSigned, exampleForm(), false},
		{"no signature", exampleToken, exampleAddress, "", exampleForm(), false},
		{"no token, and a signature made without", "", exampleAddress, twilio.Sign("", exampleAddress, exampleForm()), exampleForm(), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := twilio.Signed(row.token, row.address, row.form, row.signature); got != row.want {
				t.Errorf("signed %v, want %v (made here: %s)", got, row.want, twilio.Sign(row.token, row.address, row.form))
			}
		})
	}
}
