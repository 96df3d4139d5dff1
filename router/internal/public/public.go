// Package public is what a router shows to the outside: the page that a link in a message opens, and the addresses that
// providers call. It is served on a listener of its own, so that the console and the API need not be reachable from
// everywhere; whatever else is asked for there is not found.
//
// The router's app mounts its handler. GET and HEAD change nothing. A request proves what it may do by itself: a link by its
// token (see [access.Links]), a provider by its signature. Nobody is signed in here, nothing here decides about incidents: a
// [Desk] does. Text that senders chose is shown, and spoken, as text.
package public

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/pagerduty"
)

// Sent is a message to one person, and its incident.
type Sent struct {
	Incident incident.Incident
	PageID   string
	Person   string
	Channel  string
	Others   []incident.Incident // that the message speaks for too, and nobody has
}

// had is who else has the incident, "" when nobody does: whoever takes it from them is to know.
func (s Sent) had() string {
	if (s.Incident.State != incident.Acknowledged && s.Incident.State != incident.Snoozed) || s.Incident.AcknowledgedBy == s.Person {
		return ""
	}
	return page.Line(s.Incident.AcknowledgedBy, titleMax)
}

// over says that its own incident is; the message may speak for others, too.
func (s Sent) over() bool { return s.Incident.State == incident.Resolved }

// Desk is what the router knows and does. Its methods are called concurrently; of those that change something nil means
// that the change is durable. Errors for an incident that is not open wrap [incident.ErrUnknown].
type Desk interface {
	// Sent finds a message to one person by its page id, while its incident is in the store; false when there is none.
	Sent(pageID string) (Sent, bool)
	// Texted are the text messages about unresolved incidents to whoever has that telephone number. known is false when
	// nobody has.
	Texted(number string) (sent []Sent, known bool)
	// Acknowledge records that the person of a message has taken its incident, and the others that it speaks for.
	Acknowledge(ctx context.Context, s Sent, note string) error
	// Heed takes in what somebody did in PagerDuty. What changes nothing is no error.
	Heed(ctx context.Context, e pagerduty.Event) error
}

// Options are what the handlers need.
type Options struct {
	Desk       Desk
	Links      *access.Links
	Gate       *access.Gate // refuses foreign hosts and origins
	URL        string       // how the outside reaches this handler, without a slash at the end
	ConsoleURL string       // of the console, for whoever can sign in there

	PagerDutySecrets []string // of webhook subscriptions; none: PagerDuty's webhooks are not served
	CallToken        string   // secret of the account that calls; "": keys pressed in calls are not served
	SMSToken         string   // secret of the account that receives text messages; "": replies are not served

	Log *slog.Logger
}

// answerWithin is how long a provider is made to wait. PagerDuty gives up after 5 s; what was not durable by then is
// answered so that it comes again.
const answerWithin = 4 * time.Second

// maxBody bounds what is read of a request, in bytes.
const maxBody = 1 << 20

type server struct {
	Options
	page  *template.Template
	style string // the page's style sheet, as a source of the Content-Security-Policy
}

//go:embed assets/ack.html
var ackPage string

//go:embed assets/style.css
var ackStyle string

// New is the handler of everything that the outside may reach, with its own guard against foreign hosts and origins.
func New(o Options) http.Handler {
	sum := sha256.Sum256([]byte(ackStyle))
	s := &server{
		Options: o, style: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		page: template.Must(template.New("ack").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(ackStyle) }}).Parse(ackPage)),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+linkPath+"{page}/{token}", s.show)
	mux.HandleFunc("POST "+linkPath+"{page}/{token}", s.acknowledge)
	if len(o.PagerDutySecrets) > 0 {
		mux.HandleFunc("POST "+PagerDutyPath, s.pagerDuty)
	}
	if o.CallToken != "" {
		mux.HandleFunc("POST "+keyPath+"{page}/{token}", s.key)
	}
	if o.SMSToken != "" {
		mux.HandleFunc("POST "+SMSPath, s.sms)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.message(w, http.StatusNotFound, notFound) })
	return o.Gate.Guard(s.secure(mux))
}

// The paths, below the URL of the listener.
const (
	linkPath = "/a/"
	keyPath  = "/hooks/call/"

	PagerDutyPath = "/hooks/pagerduty" // PagerDuty's webhooks (v3)
	SMSPath       = "/hooks/sms"       // text messages that come in
)

// Link is where a message to one person leads, below the URL of the listener.
func Link(links *access.Links, pageID, person string) string {
	return linkPath + pageID + "/" + links.Token(access.ActLink, pageID, person)
}

// KeyAddress is where a provider reports the key that is pressed during a call, below the URL of the listener.
func KeyAddress(links *access.Links, pageID, person string) string {
	return keyPath + pageID + "/" + links.Token(access.ActKey, pageID, person)
}

// secure sets the headers under which a browser runs no script, loads nothing, shows the page in nobody's frame, keeps no
// copy and tells nobody the address. "same-origin" and not "no-referrer": the latter hides a form's origin from the guard.
func (s *server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+s.style+"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// render writes a whole page or, if the template fails, none of it.
func (s *server) render(w http.ResponseWriter, status int, view view) {
	var out bytes.Buffer
	if err := s.page.Execute(&out, view); err != nil {
		s.Log.Error("page not rendered", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	out.WriteTo(w) //nolint:errcheck // the client is gone
}

func (s *server) message(w http.ResponseWriter, status int, text string) {
	s.render(w, status, view{Message: text})
}
