package faketwilio_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"nezuban/packaging/testenv/faketwilio"
)

func TestCallbacks(t *testing.T) {
	server := faketwilio.New(t)
	var form url.Values
	var signature, answer string
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form, signature = r.PostForm, r.Header.Get("X-Twilio-Signature")
		io.WriteString(w, answer) //nolint:errcheck // the fake reads it
	}))
	t.Cleanup(listening.Close)
	twiml := `<Response><Gather input="dtmf" action="` + listening.URL + `/key"><Say>a</Say></Gather></Response>`
	call(t, server, "Calls", url.Values{"To": {"+4915112345678"}, "From": {faketwilio.From}, "Twiml": {twiml}})
	sid := server.Calls()[0].SID

	answer = `<Response><Say>thank you</Say></Response>`
	said, err := server.Press(t.Context(), sid, "4", "machine_start")
	if err != nil || len(said) != 1 || said[0] != "thank you" || form.Get("Digits") != "4" || form.Get("AnsweredBy") != "machine_start" || len(signature) != 28 {
		t.Errorf("said %q, %v; asked %v with signature %q", said, err, form, signature)
	}
	answer = `<Response><Dial>+19005550006</Dial></Response>`
	if _, err := server.Press(t.Context(), sid, "4", ""); err == nil || !strings.Contains(err.Error(), "Dial") {
		t.Errorf("a foreign verb: %v", err)
	}
	if _, err := server.Press(t.Context(), "CA0", "4", ""); err == nil {
		t.Error("a call that is none awaits a key")
	}

	answer = `<Response><Message>a &lt;b&gt;</Message></Response>`
	got, err := server.Receive(t.Context(), listening.URL+"/sms", "+4915112345678", "ack 1")
	if err != nil || len(got) != 1 || got[0] != "a <b>" || form.Get("From") != "+4915112345678" || form.Get("Body") != "ack 1" {
		t.Errorf("answered %q, %v; asked %v", got, err, form)
	}
	answer = `<Response><Message>a</Message><Redirect>https://evil.example</Redirect></Response>`
	if _, err := server.Receive(t.Context(), listening.URL+"/sms", "+4915112345678", "x"); err == nil {
		t.Error("a foreign verb was taken")
	}
}
