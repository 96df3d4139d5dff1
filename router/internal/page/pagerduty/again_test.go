package pagerduty_test

import (
	"net/http"
	"slices"
	"testing"

	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// PagerDuty notifies nobody anew of what they have already, but of what has become urgent.
func TestAFurtherPageToWhomPagerDutyHasTold(t *testing.T) {
	const rules = "PagerDuty has it assigned to them already, and goes on telling them by their own rules"
	refuseRise := func(server *fakepagerduty.Server) { server.Fail(1, http.StatusBadRequest) }
	both := []page.Recipient{alice, bob}
	for _, row := range []struct {
		name      string
		first     incident.Severity
		then      incident.Severity
		people    []page.Recipient
		prepare   func(*fakepagerduty.Server)
		urgency   string
		notified  []string
		explained string
	}{
		{"it has risen", incident.SeverityTicket, incident.SeverityPage, []page.Recipient{alice}, nil, "high", []string{"PALICE", "PALICE"}, ""},
		{"it has risen, to more people", incident.SeverityTicket, incident.SeverityPage, both, nil, "high", []string{"PALICE", "PALICE", "PBOB"}, ""},
		{"it has risen, where nothing rises", incident.SeverityTicket, incident.SeverityPage, both, refuseRise, "low", []string{"PALICE", "PBOB"}, ""},
		{"it is a page already", incident.SeverityPage, incident.SeverityPage, []page.Recipient{alice}, nil, "high", []string{"PALICE"}, rules},
		{"it is a ticket still", incident.SeverityTicket, incident.SeverityTicket, []page.Recipient{alice}, nil, "low", []string{"PALICE"}, rules},
		{"somebody new is told", incident.SeverityPage, incident.SeverityPage, both, nil, "high", []string{"PALICE", "PBOB"}, ""},
		{"a look is refused", incident.SeverityPage, incident.SeverityPage, both, func(s *fakepagerduty.Server) { s.FailReads(1, 500) }, "high", []string{"PALICE", "PBOB"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, p := account(t)
			m := trigger(alice)
			m.Severity = row.first
			m.ProviderID = mustPage(t, p, m)
			if row.prepare != nil {
				row.prepare(server)
			}
			m.PageID, m.Severity, m.Title, m.People = "01JINCIDENT.2", row.then, "it has become worse", row.people
			id := mustPage(t, p, m)
			got := only(t, server)
			if got.Urgency != row.urgency || got.Title != "it has become worse (host=web1 container=shop)" || !slices.Equal(notified(got), row.notified) {
				t.Errorf("urgency %q, title %q, notified %q, want %q, %q", got.Urgency, got.Title, notified(got), row.urgency, row.notified)
			}
			for _, want := range []string{row.explained, ""} { // it is kept no longer than that
				if said := p.Explain(m, id); said != want {
					t.Errorf("explained by %q, want %q", said, want)
				}
			}
		})
	}
}

// What joins an incident that is open makes it urgent too.
func TestJoiningRaisesTheUrgency(t *testing.T) {
	server, p := account(t)
	m := trigger(alice)
	m.Severity = incident.SeverityTicket
	mustPage(t, p, m)
	mustPage(t, p, trigger(alice))
	if got := only(t, server); got.Urgency != "high" || !slices.Equal(notified(got), []string{"PALICE", "PALICE"}) {
		t.Errorf("urgency %q, notified %q", got.Urgency, notified(got))
	}
}
