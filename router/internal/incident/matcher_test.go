package incident

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

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
		{`host!="web1;team=web"`, true},
		{`host!="web1&team=web"`, true},
		{`host!="web1 team=web"`, true},
		{`host=~"web1|team=web"`, true},
		{"host=~web1|web2", true},
		{"host=a;b", false},
		{"host=a&b", false},
		{"host=a b", false},
		{"host=a;=b", false},
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
	for _, text := range []string{
		"", "host", "=web1", "host=~(", `host="web1`, "host~web1", "host!web1", `"host"=x`, "a b=c", "host==web1", "host=web1,team=web", "host=~web.*, team!=web",
		"host=web1;team=web", "host=web1; team!=web", "host=web1&team=web", "host=web1 && team=web", "host=web1 team=web", "host=web1 and team=web",
		"host=web1\tteam=web", "host=web1|team=web", "host=~web1 || team=~web", "host!=web1;team!~web", "host!~web1&team=web", "host=web1;app.kubernetes.io-x=web",
	} {
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

// many are deaths of so many containers, c00, c01 …
func (w *world) many(n int) (all []Alert) {
	for i := range n {
		all = append(all, w.dies("web1", fmt.Sprintf("c%02d", i)))
	}
	return all
}

// parted is the oldest incident and all others.
func (w *world) parted() (head Incident, parts []Incident) {
	all := w.book.Incidents()
	return all[0], all[1:]
}

// What matchers cover is what a silence of them suppresses.
func TestWhatMatchersCoverIsWhatTheySilence(t *testing.T) {
	byHand := func(*world) Alert {
		a, err := Manual("k", "bob", "slow", SeverityPage, map[string]string{"host": "web1"}, start)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, row := range []struct {
		name      string
		alerts    func(w *world) []Alert
		matchers  []string
		all, some bool
	}{
		{"all alerts", func(w *world) []Alert { return []Alert{w.dies("web1", "a"), w.dies("web1", "b")} }, []string{"host=web1"}, true, true},
		{"one of two alerts", func(w *world) []Alert { return []Alert{w.dies("web1", "a"), w.dies("web1", "b")} }, []string{"container_name=a"}, false, true},
		{"the one of two that fires", func(w *world) []Alert {
			return []Alert{w.dies("web1", "a"), w.dies("web1", "b"), over(w.dies("web1", "b"), w.env.Now.Add(time.Second))}
		}, []string{"container_name=a"}, true, true},
		{"no alert", func(w *world) []Alert { return []Alert{w.dies("web1", "a")} }, []string{"host=web2"}, false, false},
		{"all but a part", func(w *world) []Alert { return w.many(maxAlerts + 1) }, []string{"container_name=~c[01].|c2[0-4]"}, false, true},
		{"a part alone", func(w *world) []Alert { return w.many(maxAlerts + 1) }, []string{"container_name=c25"}, false, true},
		{"all, and a part", func(w *world) []Alert { return w.many(maxAlerts + 1) }, []string{"host=web1"}, true, true},
		{"what a person has opened", func(w *world) []Alert { return []Alert{byHand(w)} }, []string{"host=web1"}, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(deaths)
			w.apply(row.alerts(w)...)
			head, parts := w.parted()
			all, some := matchers(t, row.matchers...).Cover(head, parts...)
			if all != row.all || some != row.some {
				t.Errorf("found %t and %t, want %t and %t", all, some, row.all, row.some)
			}
			w.silence(0, row.matchers...)
			w.tick()
			head, _ = w.parted()
			if suppressed := head.Suppressed != ""; suppressed != all {
				t.Errorf("suppressed: %t, covered: %t", suppressed, all)
			}
		})
	}
	for name, inc := range map[string]Incident{
		"a part of another": {State: Triggered, PartOf: "I1"}, "one that is over": {State: Resolved}, "nothing": {State: Triggered},
	} {
		if name != "nothing" {
			inc.set(AlertState{Alert: Alert{Key: "k", Firing: true, Labels: map[string]string{"host": "web1"}}})
		}
		if all, some := matchers(t, "host=web1").Cover(inc); all || some {
			t.Errorf("%s is covered: %t, %t", name, all, some)
		}
	}
}
