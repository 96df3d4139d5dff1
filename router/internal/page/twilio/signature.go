package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net"
	"net/url"
	"slices"
)

// SignatureHeader is where a provider signs the requests that it makes.
const SignatureHeader = "X-Twilio-Signature"

// Sign is the signature of a request with a form: HMAC-SHA1, in base64, of its whole URL followed by the name and value of
// each parameter in order of the names. The key is the account's token.
// See https://www.twilio.com/docs/usage/security#validating-requests
func Sign(token, address string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Sorted(slices.Values(form[name]))
		for _, value := range slices.Compact(values) {
			mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Signed reports whether a request that came to address, with a form, was signed with the account's token. The provider
// may have signed the address with its scheme's own port written out, or without; both are tried.
func Signed(token, address string, form url.Values, signature string) bool {
	good := false
	for _, spelling := range spellings(address) {
		if hmac.Equal([]byte(signature), []byte(Sign(token, spelling, form))) {
			good = true
		}
	}
	return good && token != ""
}

// spellings are the address as it is, and with the standard port the other way round.
func spellings(address string) []string {
	all := []string{address}
	u, err := url.Parse(address)
	if err != nil {
		return all
	}
	standard := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	switch u.Port() {
	case "":
		u.Host = net.JoinHostPort(u.Hostname(), standard)
	case standard:
		u.Host = u.Hostname()
	default:
		return all
	}
	return append(all, u.String())
}
