package public

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// notFound is the one answer to a link that is wrong, and to one whose incident is filed away: whoever guesses learns nothing.
const notFound = "There is nothing here. The link may be cut off, or its incident is over and filed away."

// view is what the page shows; a message stands alone.
type view struct {
	Message string

	Person, Title, Where, Severity, State, By string
	Opened                                    time.Time
	More                                      []string // what the other alerts of the incident, and other incidents, say
	Button                                    string   // what the button says; "": there is none
	Console                                   string   // address of the incident in the console
}

const (
	moreMax = 10  // further alerts and incidents that are shown
	lineMax = 300 // characters of one
)

// linked finds the message that a request's link belongs to, or answers that there is none.
func (s *server) linked(w http.ResponseWriter, r *http.Request, a access.Action) (Sent, bool) {
	id := r.PathValue("page")
	sent, ok := s.Desk.Sent(id)
	if !s.Links.Allows(a, id, sent.Person, r.PathValue("token")) || !ok {
		s.message(w, http.StatusNotFound, notFound)
		return Sent{}, false
	}
	return sent, true
}

// show is the page that a link opens. It changes nothing: mail scanners and previews open it too.
func (s *server) show(w http.ResponseWriter, r *http.Request) {
	if sent, ok := s.linked(w, r, access.ActLink); ok {
		s.render(w, http.StatusOK, s.viewOf(sent))
	}
}

// acknowledge is what the page's button does, in the name of the person whom the message was for.
func (s *server) acknowledge(w http.ResponseWriter, r *http.Request) {
	sent, ok := s.linked(w, r, access.ActLink)
	if !ok {
		return
	}
	err := s.Desk.Acknowledge(r.Context(), sent, "by the link in a message ("+sent.Channel+")")
	switch {
	case errors.Is(err, incident.ErrUnknown): // the page says that it is over
	case err != nil:
		s.Log.ErrorContext(r.Context(), "not acknowledged by link", "incident", sent.Incident.ID, "error", err)
		s.message(w, http.StatusServiceUnavailable, "The router could not store this now: it is NOT acknowledged. Go back and try again in a moment.")
		return
	}
	http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
}

func (s *server) viewOf(sent Sent) view {
	inc, lead := sent.Incident, sent.Incident.Lead()
	v := view{
		Person: sent.Person, Title: page.Line(lead.Summary, page.TitleMax), Where: page.Where(lead.Labels),
		Severity: string(inc.Severity), State: string(inc.State), Opened: inc.OpenedAt,
		Console: s.ConsoleURL + "/incidents/" + inc.ID,
	}
	more := inc.Summaries()[1:]
	for _, other := range sent.Others {
		more = append(more, "and incident "+other.ID+": "+other.Lead().Summary)
	}
	for i, text := range more {
		if i == moreMax {
			v.More = append(v.More, fmt.Sprintf("and %d more", len(more)-i))
			break
		}
		v.More = append(v.More, page.Line(text, lineMax))
	}
	switch inc.State {
	case incident.Triggered:
		v.Button = "Acknowledge"
	case incident.Acknowledged, incident.Snoozed:
		v.By = inc.AcknowledgedBy
		if v.By != sent.Person {
			v.Button = "Take it over"
		}
	case incident.Resolved:
		v.By = inc.ResolvedBy
	}
	if n := len(sent.Others); n > 0 {
		v.Button = fmt.Sprintf("Acknowledge it and %d more", n)
	}
	return v
}

// durably does what a provider asks for and waits for it, though no longer than the provider does: then it answers an
// error, and what was asked for goes on and is found done when it comes again.
func durably(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	detached := context.WithoutCancel(ctx)
	go func() { done <- do(detached) }()
	waiting, cancel := context.WithTimeout(detached, answerWithin)
	defer cancel()
	select {
	case err := <-done:
		return err
	case <-waiting.Done():
		return errors.New("not durable within " + answerWithin.String())
	}
}
