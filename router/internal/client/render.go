package client

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
)

// Record is an incident as other programs get it: all that the router has of it, and what `nezuban-oncall simulate` reads.
// Fields are only ever added to it. Lengths are in seconds; what is not known is left out.
type Record struct {
	reach.Listed
	At      time.Time         `json:"at"` // when it opened
	Service string            `json:"service,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"` // of the alert that speaks for it
	AckedAt time.Time         `json:"acked_at,omitzero"`
	AckedBy string            `json:"acked_by,omitempty"`
	Unpaged bool              `json:"unpaged,omitempty"` // nobody was to be told of it: it was suppressed, or is a part of another
	TTD     float64           `json:"ttd"`               // time to detect
	TTA     *float64          `json:"tta,omitempty"`     // time to acknowledge
	TTR     *float64          `json:"ttr,omitempty"`     // time to resolve
}

func record(inc reach.Listed) Record {
	r := Record{Listed: inc, At: inc.OpenedAt, AckedAt: inc.FirstAckAt, AckedBy: inc.FirstAckBy, Unpaged: inc.Unpaged(), TTD: inc.TimeToDetect().Seconds()}
	r.Labels = inc.Lead().Labels
	r.Service = r.Labels["service"]
	if d, ok := inc.TimeToAcknowledge(); ok {
		seconds := d.Seconds()
		r.TTA = &seconds
	}
	if d, ok := inc.TimeToResolve(); ok {
		seconds := d.Seconds()
		r.TTR = &seconds
	}
	return r
}

// WriteJSON writes a [Record] a line, for other programs.
func WriteJSON(w io.Writer, incidents []reach.Listed) error {
	lines := json.NewEncoder(w)
	for _, inc := range incidents {
		if err := lines.Encode(record(inc)); err != nil {
			return err
		}
	}
	return nil
}

// WriteTable writes one line for each incident, for people; times are in zone. Parts of others are only counted. Text that
// senders chose cannot move the cursor or change a colour.
func WriteTable(w io.Writer, incidents []reach.Listed, zone *time.Location) error {
	if len(incidents) == 0 {
		_, err := fmt.Fprintln(w, "no incidents")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tSEVERITY\tOPENED\tWHAT")
	parts := 0
	for _, inc := range incidents {
		if inc.PartOf != "" {
			parts++
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n",
			printable(inc.ID), state(inc, zone), inc.Severity, inc.OpenedAt.In(zone).Format(timeForm), what(inc))
	}
	if parts > 0 {
		fmt.Fprintf(table, "and %d that are parts of others; -json lists them\n", parts)
	}
	return table.Flush()
}

// state is the incident's state and who brought it about.
func state(inc reach.Listed, zone *time.Location) string {
	by := ""
	switch inc.State {
	case incident.Acknowledged, incident.Snoozed:
		by = inc.AcknowledgedBy
	case incident.Resolved:
		by = inc.ResolvedBy
	case incident.Triggered:
	}
	text := string(inc.State)
	if by != "" {
		text += " by " + printable(by)
	}
	if inc.State == incident.Snoozed {
		text += " until " + inc.SnoozedUntil.In(zone).Format("2006-01-02 15:04 MST")
	}
	if inc.State != incident.Resolved && inc.Suppressed != "" {
		text += ", suppressed"
	}
	if inc.NobodyReached {
		text += ", nobody reached yet"
	}
	return text
}

// what is the summary of the alert that speaks for the incident, and how many others there are: of those that fire, as long as one
// does, as the titles of messages count them.
func what(inc reach.Listed) string {
	text := printable(inc.Lead().Summary)
	if more := len(inc.Summaries()) - 1 + inc.Further(); more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// Printable is text from anywhere on one line, without anything that a terminal obeys.
func Printable(s string) string { return printable(s) }

// printable is text on one line without anything that a terminal obeys.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
