package faketwilio_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv/faketwilio"
)

// send speaks the wire without the router's client and returns the status.
func send(t *testing.T, server *faketwilio.Server, to, body string) int {
	t.Helper()
	form := url.Values{"To": {to}, "From": {faketwilio.From}, "Body": {body}}
	address := server.URL + "/2010-04-01/Accounts/" + faketwilio.AccountSID + "/Messages.json"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(faketwilio.AccountSID, faketwilio.AuthToken)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode
}

func TestRefusals(t *testing.T) {
	server := faketwilio.New(t)
	for _, row := range []struct {
		name, to, body string
		status         int
	}{
		{"accepted", "+4915112345678", "b", http.StatusCreated},
		{"no number", "", "b", http.StatusBadRequest},
		{"no body", "+4915112345678", "", http.StatusBadRequest},
		{"long body", "+4915112345678", strings.Repeat("b", 1601), http.StatusBadRequest},
	} {
		if got := send(t, server, row.to, row.body); got != row.status {
			t.Errorf("%s: answered %d, want %d", row.name, got, row.status)
		}
	}
	if sent := server.Messages(); len(sent) != 1 {
		t.Errorf("sent %+v, want one", sent)
	}
}

// call speaks the wire without the router's client and returns the status.
func call(t *testing.T, server *faketwilio.Server, resource string, form url.Values) int {
	t.Helper()
	address := server.URL + "/2010-04-01/Accounts/" + faketwilio.AccountSID + "/" + resource + ".json"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(faketwilio.AccountSID, faketwilio.AuthToken)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode
}

func TestCalls(t *testing.T) {
	server := faketwilio.New(t)
	for twiml, status := range map[string]int{
		`<Response><Gather action="https://x.example/"><Say>a</Say></Gather><Pause/></Response>`: http.StatusCreated,
		"": http.StatusBadRequest,
		"<Response><Dial>+19005550006</Dial></Response>":                           http.StatusBadRequest,
		"<Response><Say>a</Say><Redirect>https://x.example/</Redirect></Response>": http.StatusBadRequest,
		"<Response><Say>a</Response>":                                              http.StatusBadRequest,
		"<Response><Say>" + strings.Repeat("a", 4000) + "</Say></Response>":        http.StatusBadRequest,
	} {
		form := url.Values{"To": {"+4915112345678"}, "From": {faketwilio.From}, "Twiml": {twiml}}
		if got := call(t, server, "Calls", form); got != status {
			t.Errorf("%s: answered %d, want %d", twiml, got, status)
		}
	}
	calls := server.Calls()
	if len(calls) != 1 || calls[0].Action != "https://x.example/" || calls[0].Spoken[0] != "a" {
		t.Fatalf("called %+v, want once", calls)
	}
	server.Answer(calls[0].SID)
	if got := call(t, server, "Calls/"+calls[0].SID, url.Values{"Status": {"canceled"}}); got != http.StatusBadRequest {
		t.Errorf("a call that is listened to: answered %d, want 400", got)
	}
}

func TestWaitFor(t *testing.T) {
	server := faketwilio.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	found := make(chan error, 1)
	go func() {
		_, err := server.WaitFor(ctx, func(s faketwilio.Snapshot) bool {
			return len(s.Messages) == 1 && s.Messages[0].Status == "delivered"
		})
		found <- err
	}()
	send(t, server, "+4915112345678", "b")
	server.SetStatus(server.Messages()[0].SID, "delivered")
	if err := <-found; err != nil {
		t.Error(err)
	}
	cancel()
	_, err := server.WaitFor(ctx, func(faketwilio.Snapshot) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "1 requests") {
		t.Errorf("got %v, want an error that says what was seen", err)
	}
}
