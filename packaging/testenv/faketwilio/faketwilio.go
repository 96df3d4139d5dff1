// Package faketwilio is a Twilio account on a loopback port, for tests: the sending and listing of messages and the
// making and ending of calls in the REST API of 2010-04-01, on the real wire, with its errors and limits.
//
// What misbehaves on demand comes from package fakehttp: Fail, Limit, Hang, Swallow.
package faketwilio

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"nezuban/packaging/testenv/fakehttp"
)

// The account as New makes it.
const (
	AccountSID = "ACfake0000000000000000000000000000"
	AuthToken  = "twilio-token-KEEP-IT-SECRET" // the only one that is let in
	From       = "+15005550006"                // the only number that the account owns
	Blocked    = "+15005550004"                // a number that has asked not to be written to
)

const (
	accountPath = "/2010-04-01/Accounts/" + AccountSID
	path        = accountPath + "/Messages.json"
	bodyMax     = 1600 // characters of a message
	pageSize    = 50   // messages of a list, when the client does not say
	timeStyle   = "Mon, 02 Jan 2006 15:04:05 +0000"
)

var number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// Server is one account.
type Server struct {
	*fakehttp.Server // URL, Requests, Fail, FailReads, Limit, Hang, Swallow, Garble

	mu       sync.Mutex
	messages []Message // as accepted
	calls    []Call    // as accepted
}

// Message is one message that the account has accepted.
type Message struct {
	SID, To, From, Body string
	Status              string // queued, or as set by SetStatus
	At                  time.Time
}

// Snapshot is the account at one time.
type Snapshot struct {
	Messages []Message // as accepted
	Calls    []Call    // as accepted
	Requests []fakehttp.Request
}

// New starts an account; it ends with the test.
func New(tb fakehttp.Test) *Server {
	tb.Helper()
	s := &Server{}
	s.Server = fakehttp.New(tb, s.serve, problemOf)
	return s
}

// Messages returns all messages, as accepted.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// WaitFor returns the first snapshot that seen accepts. When ctx ends before, it returns the last one and an error that
// describes it.
func (s *Server) WaitFor(ctx context.Context, seen func(Snapshot) bool) (Snapshot, error) {
	var last Snapshot
	err := s.Await(ctx, func() bool {
		last = Snapshot{Messages: s.Messages(), Calls: s.Calls(), Requests: s.Requests()}
		return seen(last)
	})
	if err != nil {
		return last, fmt.Errorf("await fake twilio: %w; it has seen %d requests and has %+v and %+v", err, len(last.Requests), last.Messages, last.Calls)
	}
	return last, nil
}

// SetStatus is what the carrier reports later: delivered, undelivered, failed. An unknown id is ignored.
func (s *Server) SetStatus(sid, status string) {
	s.mu.Lock()
	for i := range s.messages {
		if s.messages[i].SID == sid {
			s.messages[i].Status = status
		}
	}
	s.mu.Unlock()
	s.Changed()
}

// serve answers one request as the real one would.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, password, _ := r.BasicAuth()
	switch {
	case user != AccountSID || password != AuthToken:
		fakehttp.WriteJSON(w, http.StatusUnauthorized, problem(http.StatusUnauthorized, 20003, "Authentication Error for "+password))
	case r.URL.Path == callsPath && r.Method == http.MethodPost:
		s.dial(w, r)
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, accountPath+"/Calls/"):
		s.change(w, r, strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, accountPath+"/Calls/"), ".json"))
	case r.URL.Path != path:
		fakehttp.WriteJSON(w, http.StatusNotFound, problem(http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found"))
	case r.Method == http.MethodPost:
		s.accept(w, r)
	case r.Method == http.MethodGet:
		s.list(w, r)
	default:
		fakehttp.WriteJSON(w, http.StatusMethodNotAllowed, problem(http.StatusMethodNotAllowed, 20004, "Method not allowed"))
	}
}

// accept takes a message, or refuses it. The caller holds mu.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		fakehttp.WriteJSON(w, http.StatusBadRequest, problem(http.StatusBadRequest, 20001, err.Error()))
		return
	}
	to, from, body := r.PostForm.Get("To"), r.PostForm.Get("From"), r.PostForm.Get("Body")
	code, message := 0, ""
	switch {
	case to == "":
		code, message = 21604, "A 'To' phone number is required."
	case !number.MatchString(to):
		code, message = 21211, "Invalid 'To' Phone Number: "+to
	case from != From:
		code, message = 21606, "The From phone number "+from+" is not a valid, SMS-capable inbound phone number for your account."
	case body == "":
		code, message = 21602, "Message body is required."
	case len([]rune(body)) > bodyMax:
		code, message = 21617, "The concatenated message body exceeds the 1600 character limit."
	case to == Blocked:
		code, message = 21610, "Attempt to send to unsubscribed recipient"
	}
	if code != 0 {
		fakehttp.WriteJSON(w, http.StatusBadRequest, problem(http.StatusBadRequest, code, message))
		return
	}
	made := Message{SID: fmt.Sprintf("SM%032d", len(s.messages)+1), To: to, From: from, Body: body, Status: "queued", At: time.Now()}
	s.messages = append(s.messages, made)
	fakehttp.WriteJSON(w, http.StatusCreated, made.out())
}

// list answers the newest messages first. The caller holds mu.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("PageSize"), strconv.Itoa(pageSize)))
	if err != nil || size < 1 {
		fakehttp.WriteJSON(w, http.StatusBadRequest, problem(http.StatusBadRequest, 20001, "Invalid PageSize"))
		return
	}
	found := []any{}
	for _, m := range slices.Backward(s.messages) {
		if to := r.URL.Query().Get("To"); (to == "" || to == m.To) && len(found) < size {
			found = append(found, m.out())
		}
	}
	fakehttp.WriteJSON(w, http.StatusOK, map[string]any{"messages": found, "page": 0, "page_size": size, "next_page_uri": nil})
}

func (m Message) out() any {
	return map[string]any{
		"sid": m.SID, "account_sid": AccountSID, "to": m.To, "from": m.From, "body": m.Body, "status": m.Status,
		"date_created": m.At.UTC().Format(timeStyle), "date_sent": nil, "direction": "outbound-api", "error_code": nil, "error_message": nil,
	}
}

func problem(status, code int, message string) any {
	return map[string]any{
		"status": status, "code": code, "message": message, "more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
	}
}

// problemOf is the refusal behind a scripted status.
func problemOf(status int) any {
	codes := map[int]int{http.StatusTooManyRequests: 20429, http.StatusInternalServerError: 20500, http.StatusServiceUnavailable: 20503}
	return problem(status, cmp.Or(codes[status], 20000+status), http.StatusText(status))
}
