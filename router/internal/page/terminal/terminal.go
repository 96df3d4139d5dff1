// Package terminal pages by writing one line per message to a stream, for whoever looks at the router's output.
//
// Repeat rule: marked. A message that may have been written already is written again with "(repeat)".
//
// The router's app calls it through [page.Pager]. It never colours, never asks, and never lets a sender's text end the line
// or speak to the terminal.
package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

const (
	nameMax = 64  // characters of a person's name, a rule's or an incident's id
	whyMax  = 300 // characters of the reason
)

// Pager is the terminal channel. It is safe for concurrent use.
type Pager struct {
	mu  sync.Mutex
	out io.Writer
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager that writes each line to out in one call.
func New(out io.Writer) *Pager { return &Pager{out: out} }

// Page implements [page.Pager]; the terminal has no ids. A line that cannot be written is worth another try.
func (p *Pager) Page(_ context.Context, m page.Message) (providerID string, err error) {
	line := Line(m) + "\n"
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.out, line); err != nil {
		return "", &page.Error{Retry: true, Err: fmt.Errorf("terminal: %w", err)}
	}
	return "", nil
}

// Line is the message as one line without its end:
//
//	PAGE alice TRIGGERED container-died host=web1 container=shop: container shop died with exit 137 [01J…] — step 1 of policy api: …
func Line(m page.Message) string {
	var b strings.Builder
	b.WriteString("PAGE " + people(m.People) + " " + m.Kind.Word())
	for _, part := range []string{page.Line(m.Rule, nameMax), page.Where(m.Labels)} {
		if part != "" {
			b.WriteString(" " + part)
		}
	}
	fmt.Fprintf(&b, ": %s [%s%s]", page.Line(m.Title, page.TitleMax), page.Line(m.IncidentID, nameMax), mildness(m.Severity))
	if m.Repeat {
		b.WriteString(" (repeat)")
	}
	if why := page.Line(m.Why, whyMax); why != "" {
		b.WriteString(" — " + why)
	}
	return b.String()
}

// mildness marks what would not have to wake anybody.
func mildness(s incident.Severity) string {
	if s == incident.SeverityPage || s == "" {
		return ""
	}
	return ", " + string(s)
}

// people names whom the line is for: "everyone" when it is for nobody in particular.
func people(recipients []page.Recipient) string {
	var names []string
	for _, r := range recipients {
		if name := page.Line(r.Person, nameMax); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "everyone"
	}
	return strings.Join(names, ",")
}
