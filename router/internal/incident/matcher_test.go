package incident

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestMatchers(t *testing.T) {
	a := Alert{Rule: "container-died", Severity: SeverityPage, Labels: map[string]string{"host": "web1", "note": "a\nb"}}
	for _, row := range []struct {
		text    string
		matches bool
	}{
		{"host=web1", true},
		{`host="web1"`, true},
		{" host = web1 ", true},
		{"host=web", false},
		{"host!=web2", true},
		{"host!=web1", false},
		{"host=~web.*", true},
		{"host=~eb", false}, // of the whole value
		{"host!~web[12]", false},
		{"host=~", false},
		{"note=~a.b", true},
		{"team=", true}, // it has none
		{"team!=web", true},
		{"team=~.+", false},
		{"rule=container-died", true},
		{"severity=page", true},
		{`host="=web1"`, false},
		{"host=a,b", false},
		{`host!="web1,team=web"`, true},
	} {
		m, err := ParseMatcher(row.text)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if got := m.Matches(a); got != row.matches {
			t.Errorf("%s matches: %t", row.text, got)
		}
	}
	for _, text := range []string{"", "host", "=web1", "host=~(", `host="web1`, "host~web1", "host!web1", `"host"=x`, "a b=c", "host==web1", "host=web1,team=web", "host=~web.*, team!=web"} {
		if m, err := ParseMatcher(text); err == nil {
			t.Errorf("%q was read as %s", text, m)
		}
	}
}

// A severity goes by the sender's name and by ours.
func TestTheMatcherOfSeverityMeansTheLabel(t *testing.T) {
	critical := Alert{Severity: SeverityPage, Labels: map[string]string{"severity": "critical"}}
	for text, matches := range map[string]bool{"severity=critical": true, "severity!=critical": false, "severity=page": true, "severity!=page": false, "severity!=ticket": true, "severity=~page|x": true, "severity!~crit.*": false} {
		m, err := ParseMatcher(text)
		if err != nil || m.Matches(critical) != matches {
			t.Errorf("%s: %t, %v", text, m.Matches(critical), err)
		}
	}
}

func TestAllMatchersMustHold(t *testing.T) {
	a := Alert{Rule: "container-died", Severity: SeverityPage, Labels: map[string]string{"host": "web1", "team": "web"}}
	for _, row := range []struct {
		matchers []string
		matches  bool
	}{
		{[]string{"host=web1"}, true},
		{[]string{"host=web1", "team=web"}, true},
		{[]string{"host=web1", "team=db"}, false},
		{[]string{"team=db", "host=web1"}, false},
		{[]string{"host=web1", "severity=page", "rule!=check-down"}, true},
	} {
		if got := matchers(t, row.matchers...).Match(a); got != row.matches {
			t.Errorf("%q match: %t", row.matchers, got)
		}
	}
}

func TestAMatcherIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := Matcher{label: "host", op: rapid.SampledFrom([]string{"=", "!="}).Draw(t, "op"), value: rapid.String().Draw(t, "value")}
		text, err := json.Marshal(Matchers{written})
		if err != nil {
			t.Fatal(err)
		}
		var read Matchers
		if err := json.Unmarshal(text, &read); err != nil || read[0] != written {
			t.Fatalf("%s was read as %v (%v)", text, read, err)
		}
	})
}
