package public

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/sms"
)

// sms takes a text message that somebody sent: "ack CODE", with the code of a page, from the number that the page went to.
// A number that nobody here has gets no answer.
func (s *server) sms(w http.ResponseWriter, r *http.Request) {
	if !s.signedBy(w, r, s.SMSToken) {
		return
	}
	sent, known := s.Desk.Texted(r.PostForm.Get("From"))
	if !known {
		s.Log.WarnContext(r.Context(), "a text message came from a number that is in no contacts")
		twiml(w, sms.Reply(""))
		return
	}
	found, ok := s.meant(sent, code(r.PostForm.Get("Body")))
	if !ok {
		twiml(w, sms.Reply("Nothing is acknowledged. Answer ack and the code of a page that was sent to this number and is not over, such as: ack K7PQ2M"))
		return
	}
	taken, more := found.Incident, len(found.Others)
	if found.over() && more > 0 {
		taken, more = found.Others[0], more-1
	}
	title := page.Line(taken.Lead().Summary, titleMax)
	err := durably(r.Context(), func(ctx context.Context) error {
		return s.Desk.Acknowledge(ctx, found, "by a text message")
	})
	switch {
	case errors.Is(err, incident.ErrUnknown):
		twiml(w, sms.Reply("It is over already: "+title))
	case err != nil:
		s.Log.ErrorContext(r.Context(), "not acknowledged by a text message", "incident", found.Incident.ID, "error", err)
		twiml(w, sms.Reply("NOT acknowledged, it could not be stored. Send it again: "+title))
	default:
		said := "Acknowledged"
		if had := found.had(); had != "" {
			said = "Taken over from " + had
		}
		if more > 0 {
			said += fmt.Sprintf(", and %d more", more)
		}
		twiml(w, sms.Reply(said+": "+title))
	}
}

// titleMax keeps a reply to one segment, or two.
const titleMax = 100

// meant is the message whose code somebody typed. All are looked at, whichever it is.
func (s *server) meant(sent []Sent, code string) (found Sent, ok bool) {
	for _, one := range sent {
		if s.Links.AllowsCode(one.PageID, one.Person, code) {
			found, ok = one, true
		}
	}
	return found, ok
}

// code is what follows "ack" at the beginning, whatever comes after it; "" when the text says something else.
func code(body string) string {
	words := strings.Fields(body)
	if len(words) < 2 || !strings.EqualFold(strings.Trim(words[0], punctuation), "ack") {
		return ""
	}
	return strings.Trim(words[1], punctuation)
}

// punctuation is what people put around a code.
const punctuation = ".,:;!#\"'"
