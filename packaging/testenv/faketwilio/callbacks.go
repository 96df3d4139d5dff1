package faketwilio

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Press lets somebody, or with answeredBy something, press keys during a call, and returns what is said to them then.
func (s *Server) Press(ctx context.Context, sid, digits, answeredBy string) (said []string, err error) {
	s.mu.Lock()
	at := slices.IndexFunc(s.calls, func(c Call) bool { return c.SID == sid })
	if at < 0 || s.calls[at].Action == "" {
		s.mu.Unlock()
		return nil, fmt.Errorf("call %q awaits no key", sid)
	}
	call := s.calls[at]
	s.mu.Unlock()
	form := url.Values{"CallSid": {sid}, "AccountSid": {AccountSID}, "From": {call.From}, "To": {call.To}, "Direction": {"outbound-api"}, "Digits": {digits}}
	if answeredBy != "" {
		form.Set("AnsweredBy", answeredBy)
	}
	text, err := post(ctx, call.Action, form)
	if err != nil {
		return nil, err
	}
	answer := Call{Twiml: text}
	err = answer.read()
	return answer.Spoken, err
}

// Receive lets somebody send a text message to the account's number, whose messages go to address, and returns the text
// messages that answer it.
func (s *Server) Receive(ctx context.Context, address, from, body string) (answers []string, err error) {
	form := url.Values{"MessageSid": {"SMin"}, "AccountSid": {AccountSID}, "From": {from}, "To": {From}, "Body": {body}, "NumMedia": {"0"}}
	text, err := post(ctx, address, form)
	if err != nil {
		return nil, err
	}
	var twiml struct {
		XMLName xml.Name `xml:"Response"`
		Message []string `xml:"Message"`
		Other   []struct {
			XMLName xml.Name
		} `xml:",any"`
	}
	if err := xml.Unmarshal([]byte(text), &twiml); err != nil {
		return nil, fmt.Errorf("document parse failure: %w in %s", err, text)
	}
	if len(twiml.Other) > 0 {
		return nil, fmt.Errorf("verb %v in %s", twiml.Other, text)
	}
	return twiml.Message, nil
}

// post makes a request as the provider does, signed, and returns the TwiML that answers it.
func post(ctx context.Context, address string, form url.Values) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("X-Twilio-Signature", sign(address, form))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: answered %d: %s", address, answer.StatusCode, text)
	}
	return string(text), nil
}

// sign is the provider's signature: over the address, and each parameter's name and value in order of the names.
func sign(address string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(AuthToken))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		mac.Write([]byte(name + form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
