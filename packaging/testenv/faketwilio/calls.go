package faketwilio

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"nezuban/packaging/testenv/fakehttp"
)

const (
	callsPath = accountPath + "/Calls.json"
	twimlMax  = 4000 // characters
)

// Call is one call that the account has accepted.
type Call struct {
	SID, To, From, Twiml string
	Status               string // queued, or as set by Answer and by the client
	At                   time.Time
	Spoken               []string // what is said, in order
	Action               string   // where a key that is pressed would be reported; "": no key is awaited
}

// Calls returns all calls, as accepted.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Answer lets somebody, or something, take up a call that rings.
func (s *Server) Answer(sid string) {
	s.mu.Lock()
	for i := range s.calls {
		if s.calls[i].SID == sid && s.calls[i].Status == "queued" {
			s.calls[i].Status = "in-progress"
		}
	}
	s.mu.Unlock()
	s.Changed()
}

// dial makes a call, or refuses it. The caller holds mu.
func (s *Server) dial(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		fakehttp.WriteJSON(w, http.StatusBadRequest, problem(http.StatusBadRequest, 20001, err.Error()))
		return
	}
	made := Call{
		SID: fmt.Sprintf("CA%032d", len(s.calls)+1), To: r.PostForm.Get("To"), From: r.PostForm.Get("From"), Twiml: r.PostForm.Get("Twiml"),
		Status: "queued", At: time.Now(),
	}
	code, message := 0, ""
	switch {
	case made.To == "":
		code, message = 21201, "No 'To' number is specified"
	case !number.MatchString(made.To):
		code, message = 21211, "Invalid 'To' Phone Number: "+made.To
	case made.From != From:
		code, message = 21210, "Source phone number provided, "+made.From+", is not yet verified for your account."
	case made.To == Blocked:
		code, message = 21215, "Account not authorized to call "+made.To
	case made.Twiml == "":
		code, message = 21205, "Url is not a valid URL"
	case len([]rune(made.Twiml)) > twimlMax:
		code, message = 21218, "Twiml must be at most 4000 characters"
	}
	if err := made.read(); code == 0 && err != nil {
		code, message = 12100, "Document parse failure: "+err.Error()
	}
	if code != 0 {
		fakehttp.WriteJSON(w, http.StatusBadRequest, problem(http.StatusBadRequest, code, message))
		return
	}
	s.calls = append(s.calls, made)
	fakehttp.WriteJSON(w, http.StatusCreated, made.out())
}

// change cancels or completes a call. The caller holds mu.
func (s *Server) change(w http.ResponseWriter, r *http.Request, sid string) {
	for i := range s.calls {
		if s.calls[i].SID != sid {
			continue
		}
		status := r.FormValue("Status")
		if status == "canceled" && s.calls[i].Status != "queued" {
			fakehttp.WriteJSON(w, http.StatusBadRequest, problem(http.StatusBadRequest, 21220, "Call is not in-progress. Cannot redirect."))
			return
		}
		s.calls[i].Status = status
		fakehttp.WriteJSON(w, http.StatusOK, s.calls[i].out())
		return
	}
	fakehttp.WriteJSON(w, http.StatusNotFound, problem(http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found"))
}

// read understands the TwiML as the real one would, but knows no more verbs than a page needs: one that dials, plays or
// redirects would be somebody else's.
func (c *Call) read() error {
	decoder := xml.NewDecoder(strings.NewReader(c.Twiml))
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if allowed := map[string]bool{"Response": len(open) == 0, "Gather": len(open) == 1, "Say": len(open) > 0, "Pause": len(open) > 0}; !allowed[name] {
				return fmt.Errorf("verb <%s> below %v", name, open)
			}
			for _, a := range token.Attr {
				if name == "Gather" && a.Name.Local == "action" {
					c.Action = a.Value
				}
			}
			open = append(open, name)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 || open[len(open)-1] != "Say" {
				return fmt.Errorf("text %q outside of a verb", token)
			}
			c.Spoken = append(c.Spoken, string(token))
		case xml.Directive, xml.ProcInst, xml.Comment:
			return fmt.Errorf("found %T", token)
		}
	}
}

func (c Call) out() any {
	return map[string]any{
		"sid": c.SID, "account_sid": AccountSID, "to": c.To, "from": c.From, "status": c.Status, "direction": "outbound-api",
		"date_created": c.At.UTC().Format(timeStyle), "start_time": nil, "answered_by": nil,
	}
}
