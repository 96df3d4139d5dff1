package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/web"
)

// Silence keeps alerts for which all matchers hold from paging, from a time, or now when it is zero, until another. It
// returns the silence with its id, and what it matches; it needs an act token.
func (c *Client) Silence(ctx context.Context, matchers []string, from, until time.Time, reason, by string) (reply web.Silenced, err error) {
	body := map[string]any{"matchers": matchers, "until": until, "reason": reason, "by": by}
	if !from.IsZero() {
		body["from"] = from
	}
	if err := c.do(ctx, http.MethodPost, "/api/v1/silences", body, &reply); err != nil {
		return reply, fmt.Errorf("add a silence: %w", err)
	}
	return reply, nil
}

// WriteSilenced writes, for people, when a silence that was added holds, and what it matches now. Times are in zone.
func WriteSilenced(w io.Writer, s web.Silenced, zone *time.Location) error {
	const form = "2006-01-02 15:04 MST"
	lines := []string{fmt.Sprintf("%s: from %s until %s", s.Silence.ID, s.Silence.From.In(zone).Format(form), s.Silence.Until.In(zone).Format(form))}
	switch s.Matches {
	case 0:
		lines = append(lines, "it matches no open incident now")
	case 1:
		lines = append(lines, "it matches 1 open incident now:")
	default:
		lines = append(lines, fmt.Sprintf("it matches %d open incidents now:", s.Matches))
	}
	for _, inc := range s.Incidents {
		lines = append(lines, fmt.Sprintf("  %s  %s", printable(inc.ID), printable(inc.Summary)))
	}
	if more := s.Matches - len(s.Incidents); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	if s.Partly > 0 {
		lines = append(lines, fmt.Sprintf("incidents that go on paging, as only some of their alerts match: %d", s.Partly))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// WriteSilencedJSON writes it as one object, for other programs.
func WriteSilencedJSON(w io.Writer, s web.Silenced) error {
	return json.NewEncoder(w).Encode(struct {
		incident.Silence
		web.Matched
	}{s.Silence, s.Matched})
}

// EndSilence ends a silence now, in the name of `by`. It needs an act token.
func (c *Client) EndSilence(ctx context.Context, id, by string) (done web.Acted, err error) {
	if err := c.do(ctx, http.MethodPost, "/api/v1/silences/"+url.PathEscape(id)+"/end", map[string]any{"by": by}, &done); err != nil {
		return done, fmt.Errorf("end silence %q: %w", id, err)
	}
	return done, nil
}

// Silences lists them, those that were over up to a week ago too, by their begin. It needs a read token.
func (c *Client) Silences(ctx context.Context) ([]incident.Silence, error) {
	var reply struct{ Silences []incident.Silence }
	if err := c.do(ctx, http.MethodGet, "/api/v1/silences", nil, &reply); err != nil {
		return nil, fmt.Errorf("list silences: %w", err)
	}
	return reply.Silences, nil
}

// WriteSilences writes a line for each, for people; times are in zone.
func WriteSilences(w io.Writer, silences []incident.Silence, now time.Time, zone *time.Location) error {
	if len(silences) == 0 {
		_, err := fmt.Fprintln(w, "no silences")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tFROM\tUNTIL\tBY\tWHAT\tWHY")
	for _, s := range silences {
		state := "in force"
		switch {
		case s.Over(now) && s.EndedBy != "":
			state = "ended by " + printable(s.EndedBy)
		case s.Over(now):
			state = "over"
		case !s.InForce(now):
			state = "to come"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(s.ID), state,
			s.From.In(zone).Format("2006-01-02 15:04 MST"), s.Until.In(zone).Format("2006-01-02 15:04 MST"), printable(s.By), printable(s.Matchers.String()), printable(s.Reason))
	}
	return table.Flush()
}

// WriteSilencesJSON writes an object a line, for other programs.
func WriteSilencesJSON(w io.Writer, silences []incident.Silence) error {
	lines := json.NewEncoder(w)
	for _, s := range silences {
		if err := lines.Encode(s); err != nil {
			return err
		}
	}
	return nil
}
