package incident

import (
	"testing"
	"time"
)

// Of the alerts of one incident the one that says most leads, and the others follow: the first of them are named in a message.
func TestWhoSpeaksFirst(t *testing.T) {
	type told struct {
		name     string
		severity Severity
		after    time.Duration // it fired
	}
	for _, row := range []struct {
		name          string
		come          []told // in this order
		over          []string
		says, ordered []string
	}{
		{"the gravest, though it came last", []told{{"cert", SeverityTicket, 0}, {"db", SeverityPage, 2 * time.Second}}, nil, []string{"db", "cert"}, []string{"db", "cert"}},
		{"of two that are as grave the oldest", []told{{"b", SeverityPage, 2 * time.Second}, {"a", SeverityPage, time.Second}}, nil, []string{"a", "b"}, []string{"a", "b"}},
		{"of one time the first that came", []told{{"c", SeverityPage, 0}, {"b", SeverityPage, 0}, {"a", SeverityPage, 0}}, nil, []string{"c", "b", "a"}, []string{"c", "b", "a"}},
		{"of those that fire", []told{{"db", SeverityPage, 0}, {"cert", SeverityTicket, time.Second}, {"disk", SeverityTicket, 0}}, []string{"db"}, []string{"disk", "cert"}, []string{"disk", "cert", "db"}},
		{"of one that is over the gravest", []told{{"cert", SeverityTicket, 0}, {"db", SeverityPage, time.Second}}, []string{"db", "cert"}, []string{"db", "cert"}, []string{"db", "cert"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(Settings{Groups: []Group{{ID: "all", Rules: []string{"r"}, Within: time.Minute}}})
			alert := func(c told) Alert {
				return Alert{Key: c.name, Rule: "r", Kind: KindState, Firing: true, Severity: c.severity, Summary: c.name, At: start.Add(c.after)}
			}
			for _, c := range row.come {
				w.apply(alert(c))
			}
			for _, name := range row.over {
				w.apply(Alert{Key: name, Rule: "r", Kind: KindState, Severity: SeverityPage, At: start.Add(time.Hour), Summary: name})
			}
			inc := w.only()
			if inc.Lead().Summary != row.says[0] {
				t.Errorf("%s leads, want %s", inc.Lead().Summary, row.says[0])
			}
			want(t, inc.Summaries(), row.says...)
			var ordered []string
			for _, a := range inc.Ordered() {
				ordered = append(ordered, a.Summary)
			}
			want(t, ordered, row.ordered...)
		})
	}
}
