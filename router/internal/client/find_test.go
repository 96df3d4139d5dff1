package client_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
)

// crowd is a desk with incidents of these ids; those that are over are known by their ids alone.
type crowd struct {
	*desk
	open, over []string
}

func (c crowd) Incidents(int, string) (list []incident.Incident) {
	for _, id := range c.open {
		list = append(list, incident.Incident{ID: id, State: incident.Triggered, Alerts: map[string]incident.AlertState{"k": {Alert: incident.Alert{Key: "k", Summary: "of " + id + "\x1b[2J"}}}})
	}
	return list
}

func (c crowd) Incident(id string) (incident.Incident, []incident.Entry, error) {
	if slices.Contains(c.open, id) || slices.Contains(c.over, id) {
		return incident.Incident{ID: id}, nil, nil
	}
	return incident.Incident{}, nil, incident.ErrUnknown
}

func TestFind(t *testing.T) {
	d := crowd{&desk{}, []string{"06H23C1WMPCPTVF0", "06H23C1X6EAAYV9Z", "06H23C1XAAAAYV9Z", "06H23C1YAAAA0001", "06H23C1YAAAA0002", "06H23C1YAAAA0003", "06H23C1YAAAA0004"}, []string{"05AAAAAAAAAAAAAA"}}
	c := dial(t, serve(t, d, d.desk), "act")
	for _, row := range []struct{ name, text, id, says string }{
		{"a whole one", "06H23C1X6EAAYV9Z", "06H23C1X6EAAYV9Z", ""},
		{"a whole one in small letters", "06h23c1x6eaayv9z", "06H23C1X6EAAYV9Z", ""},
		{"the whole of one that is over", "05AAAAAAAAAAAAAA", "05AAAAAAAAAAAAAA", ""},
		{"the whole of one that is over in small letters", "05aaaaaaaaaaaaaa", "05AAAAAAAAAAAAAA", ""},
		{"four characters that are none", "ZZZZ", "", `incident "ZZZZ": the router does not know it, or it is over already`},
		{"a beginning", "06h23c1w", "06H23C1WMPCPTVF0", ""},
		{"an end", "TVF0", "06H23C1WMPCPTVF0", ""},
		{"less than four characters", "VF0", "", `incident "VF0": expected at least 4 characters of an id`},
		{"the beginning of one that is over", "05AA", "", "does not know it"},
		{"the middle of one", "C1WM", "", "does not know it"},
		{"nothing", "", "", "expected at least 4 characters of an id"},
		{"of two", "AYV9Z", "", "incident \"AYV9Z\": found 2 ids that begin or end so, expected more of one\n  06H23C1X6EAAYV9Z  of 06H23C1X6EAAYV9Z\ufffd[2J\n  06H23C1XAAAAYV9Z  of"},
		{"of many", "06H2", "", "found 7 ids that begin or end so"},
		{"of many, the last line", "06H2", "", "\n  and 2 more"},
		{"hostile", "../x\x1b[2J", "", "does not know it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			id, err := c.Find(t.Context(), row.text)
			switch {
			case id != row.id || (err == nil) != (row.says == ""):
				t.Errorf("found %q, %v", id, err)
			case err != nil && (!strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "\x1b")):
				t.Errorf("found %q, want %q", err, row.says)
			case strings.Contains(row.says, "does not know it") && !errors.Is(err, client.ErrUnknown):
				t.Errorf("found %v, want ErrUnknown", err)
			}
		})
	}
}
