package public

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/call"
	"nezuban/router/internal/page/twilio"
)

// signedBy reads a provider's form and reports whether it was signed with the token; it answers when it was not.
func (s *server) signedBy(w http.ResponseWriter, r *http.Request, token string) bool {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return false
	}
	if !twilio.Signed(token, s.URL+r.URL.RequestURI(), r.PostForm, r.Header.Get(twilio.SignatureHeader)) {
		http.Error(w, "not signed", http.StatusForbidden)
		return false
	}
	return true
}

// key takes the key that was pressed during a call. One key acknowledges, and only where no machine has answered; any other
// lets the caller try again.
func (s *server) key(w http.ResponseWriter, r *http.Request) {
	if !s.signedBy(w, r, s.CallToken) {
		return
	}
	sent, ok := s.linked(w, r, access.ActKey)
	if !ok {
		return
	}
	again := s.URL + r.URL.RequestURI()
	if r.PostForm.Get("Digits") != call.Key || byMachine(r.PostForm.Get("AnsweredBy")) {
		twiml(w, call.Again("That acknowledges nothing.", again))
		return
	}
	err := durably(r.Context(), func(ctx context.Context) error {
		return s.Desk.Acknowledge(ctx, sent, "by a key in a call")
	})
	switch {
	case errors.Is(err, incident.ErrUnknown):
		twiml(w, call.Last("It is over already. Good bye."))
	case err != nil:
		s.Log.ErrorContext(r.Context(), "not acknowledged by a key", "incident", sent.Incident.ID, "error", err)
		twiml(w, call.Again("It could not be stored, and is not acknowledged.", again))
	default:
		twiml(w, call.Last(thanks(sent)))
	}
}

// thanks says what a key has acknowledged.
func thanks(sent Sent) string {
	said, had := "It is acknowledged. Thank you.", sent.had()
	switch {
	case had != "":
		said = "It is yours now. It was acknowledged by " + had + "."
	case sent.over(): // the others are not
		said = "It is over already."
	}
	if n := len(sent.Others); n > 0 {
		said += fmt.Sprintf(" Also acknowledged: %d more.", n)
	}
	return said + " Good bye."
}

// byMachine reads what the provider believes has answered; it says nothing where detection is off.
func byMachine(answeredBy string) bool {
	return strings.HasPrefix(answeredBy, "machine") || answeredBy == "fax"
}

func twiml(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Write([]byte(text)) //nolint:errcheck // the client is gone
}
