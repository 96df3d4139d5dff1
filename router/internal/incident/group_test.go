package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// deaths is what the router does with them when its configuration does not say.
var deaths = Settings{Groups: []Group{{ID: "deaths", Rules: []string{"container-died"}, By: []string{"host"}, Within: time.Minute}}}

func (w *world) use(s Settings) *world {
	w.book.Use(s)
	return w
}

// dies is the death of a container on a host at the world's time.
func (w *world) dies(host, name string) Alert {
	a := died(w.env.Now)
	a.Key, a.Labels = DedupKey("container-died", name, host), map[string]string{"host": host, "container_name": name}
	a.Summary, a.Event = "container "+name+" died", fmt.Sprintf("%s/%s/%d", host, name, w.env.Now.UnixNano())
	return a
}

func over(a Alert, at time.Time) Alert {
	a.Firing, a.At, a.Event = false, at, ""
	return a
}

func TestGrouping(t *testing.T) {
	for _, row := range []struct {
		name  string
		after time.Duration // the second death, after the first
		host  string
		with  func(a *Alert)
		between,
		first func(w *world)
		firstHost string // "" is web1, "-" none
		incidents int
	}{
		{name: "two containers of a host within a minute", after: 59 * time.Second, host: "web1", incidents: 1},
		{name: "a minute later", after: time.Minute, host: "web1", incidents: 2},
		{name: "another host", after: time.Second, host: "web2", incidents: 2},
		{name: "another rule", after: time.Second, host: "web1", with: func(a *Alert) { a.Rule = "container-oom" }, incidents: 2},
		{name: "no host", after: time.Second, host: "", incidents: 2},
		{name: "no host, twice", after: time.Second, host: "", incidents: 2, firstHost: "-"},
		{
			name: "after the first is over", after: 10 * time.Second, host: "web1", incidents: 2,
			between: func(w *world) { w.acted(w.book.Resolve(w.env, "I001", "alice", "")) },
		},
		{
			name: "while somebody has it", after: 10 * time.Second, host: "web1", incidents: 1,
			between: func(w *world) { w.acted(w.book.Acknowledge(w.env, "I001", "alice", "")) },
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(deaths)
			first := w.dies("web1", "shop")
			if row.firstHost == "-" {
				first = w.dies("", "shop")
			}
			w.apply(first)
			if row.between != nil {
				row.between(w)
			}
			w.env.Now = w.env.Now.Add(row.after)
			second := w.dies(row.host, "db")
			if row.with != nil {
				row.with(&second)
			}
			w.apply(second)
			if got := len(w.book.Incidents()); got != row.incidents {
				t.Errorf("found %d incidents, want %d", got, row.incidents)
			}
		})
	}
}

func TestAGroupIsPagedAtOnceAndUpdatedAfterwards(t *testing.T) {
	w := newWorld(t, rotationText).use(deaths)
	w.apply(w.dies("web1", "a"))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	for i := range 10 { // ten more within two seconds
		w.after(200 * time.Millisecond)
		w.apply(w.dies("web1", fmt.Sprint("b", i)))
	}
	want(t, w.deliver(sentOK))
	w.after(2 * time.Second) // five seconds after the second at the latest
	want(t, w.deliver(sentOK), "update pagerduty alice")
	want(t, w.after(time.Minute).deliver(sentOK))
	if inc := w.only(); len(inc.Alerts) != 11 || inc.Lead().Labels["container_name"] != "a" {
		t.Errorf("found %d alerts, led by %v", len(inc.Alerts), inc.Lead().Labels)
	}
}

func TestWhatJoins(t *testing.T) {
	tests := []struct {
		name   string
		before func(w *world)
		rises  bool
		sends  []string // within five seconds
	}{
		{"sends nothing besides a page that has not gone out", func(*world) {}, false, []string{"trigger pagerduty alice"}},
		{"sends an update", func(w *world) { w.deliver(sentOK) }, false, []string{"update pagerduty alice"}},
		{"sends one to those whose answer was lost", func(w *world) {
			w.deliver(Outcome{Err: errors.New("timeout")})
		}, false, []string{"trigger pagerduty alice", "update pagerduty alice"}},
		{"is silent while somebody has it", func(w *world) {
			w.deliver(sentOK)
			w.acknowledge("alice")
			w.deliver(sentOK)
		}, false, nil},
		{"pages when it is graver, whoever has it", func(w *world) {
			w.deliver(sentOK)
			w.acknowledge("alice")
			w.deliver(sentOK)
		}, true, []string{"trigger pagerduty alice"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, strings.Replace(rotationText, `ticket = ["terminal"]`, `ticket = ["pagerduty"]`, 1)).use(deaths)
			first := w.dies("web1", "a")
			if tt.rises {
				first.Severity = SeverityTicket
			}
			w.apply(first)
			tt.before(w)
			w.apply(w.dies("web1", "b"))
			var sent []string
			for range 5 {
				sent = append(sent, w.deliver(sentOK)...)
				w.after(time.Second)
			}
			want(t, sent, tt.sends...)
		})
	}
}

func TestAnUpdateThatWaitsIsWithdrawn(t *testing.T) {
	for name, act := range map[string]func(w *world){
		"when somebody takes it": func(w *world) { w.acknowledge("alice") },
		"when it is over":        func(w *world) { w.acted(w.book.Resolve(w.env, "I001", "alice", "")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(deaths)
			w.apply(w.dies("web1", "a"))
			w.deliver(sentOK)
			w.apply(w.dies("web1", "b"))
			act(w)
			for range 10 {
				for _, sent := range w.after(time.Second).deliver(sentOK) {
					if strings.HasPrefix(sent, "update") {
						t.Errorf("sent %q", sent)
					}
				}
			}
		})
	}
}

func TestTextMessagesBringFewUpdatesAndCallsNone(t *testing.T) {
	w := newWorld(t, strings.Replace(rotationText, `alice = { page = ["pagerduty"]`, `alice = { page = ["sms", "call", "slack"]`, 1)).use(deaths)
	w.apply(w.dies("web1", "a"))
	w.deliver(sentOK)
	sent := map[string]int{}
	for i := range 59 {
		w.after(time.Second)
		w.apply(w.dies("web1", fmt.Sprint("b", i)))
		for _, one := range w.deliver(sentOK) {
			sent[one]++
		}
	}
	if sent["update sms alice"] != 1 || sent["update call alice"] != 0 || sent["update slack alice"] < 12 || sent["update slack alice"] > 20 {
		t.Errorf("found %v", sent)
	}
}

// Ten thousand deaths on a host neither make a record that etcd refuses nor are any of them forgotten.
func TestAGroupOfManyIsHeldInParts(t *testing.T) {
	const many = 1000
	w := newWorld(t, rotationText).use(deaths)
	var alerts []Alert
	for i := range many {
		alerts = append(alerts, w.dies("web1", fmt.Sprintf("c%04d", i)))
	}
	w.apply(alerts[:many/2]...)
	w.apply(alerts[many/2:]...)
	head, _ := w.book.Incident("I001")
	if len(head.Alerts) != maxAlerts || head.More != many-maxAlerts || head.Entries > 2*maxAlerts {
		t.Errorf("it lists %d alerts and counts %d more in %d lines", len(head.Alerts), head.More, head.Entries)
	}
	if c := w.apply(alerts...); !c.Empty() {
		t.Errorf("the same again changes %d incidents", len(c.Incidents))
	}
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	for i, a := range alerts {
		if i == many-1 {
			if inc, _ := w.book.Incident("I001"); inc.State != Triggered {
				t.Error("it is over before the last of its alerts is")
			}
		}
		w.apply(over(a, w.env.Now.Add(time.Second)))
	}
	if inc, _ := w.book.Incident("I001"); inc.State != Resolved {
		t.Errorf("all are over, but it is %s with %d open parts", inc.State, inc.OpenParts)
	}
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
}

// What a sender says at length is bounded for a whole record: etcd takes no more than a megabyte.
func TestARecordIsBoundedByItsTexts(t *testing.T) {
	const long = 10 << 10
	for _, row := range []struct {
		name string
		say  func(a *Alert, text string)
	}{
		{"summaries", func(a *Alert, text string) { a.Summary = text }},
		{"reasons", func(a *Alert, text string) { a.Reason = text }},
		{"runbooks", func(a *Alert, text string) { a.Runbook = text }},
		{"sources", func(a *Alert, text string) { a.Source = text }},
		{"labels", func(a *Alert, text string) { a.Labels = map[string]string{"host": "web1", "note": text} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(deaths)
			for i := range maxAlerts {
				a := w.dies("web1", fmt.Sprint(i))
				row.say(&a, strings.Repeat("x", long))
				w.apply(a)
			}
			if inc, _ := w.book.Incident("I001"); len(inc.Alerts) != maxAlertBytes/long || inc.More != maxAlerts-maxAlertBytes/long {
				t.Errorf("it lists %d alerts and counts %d more", len(inc.Alerts), inc.More)
			}
		})
	}
}

func TestWhoResolvesAGroupResolvesItsParts(t *testing.T) {
	w := newWorld(t, rotationText).use(Settings{Groups: []Group{{ID: "checks", Rules: []string{"check-down"}, By: nil, Within: time.Minute}}})
	for i := range maxAlerts + 5 {
		a := down(start, true)
		a.Key = DedupKey("check-down", fmt.Sprint(i))
		w.apply(a)
	}
	if got := len(w.book.Holds("I001")); got != maxAlerts+5 {
		t.Errorf("found %d conditions that hold, want %d", got, maxAlerts+5)
	}
	w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
	for _, inc := range w.book.Incidents() {
		if inc.Unpaged() != (inc.ID != "I001") {
			t.Errorf("incident %s, part of %q, says that nobody was paged: %t", inc.ID, inc.PartOf, inc.Unpaged())
		}
		if inc.State != Resolved || inc.ResolvedBy != "alice" || inc.firing() {
			t.Errorf("incident %s is %s by %q, firing: %t", inc.ID, inc.State, inc.ResolvedBy, inc.firing())
		}
	}
}

func TestAPartThatGrowsGraverRaisesItsIncident(t *testing.T) {
	w := newWorld(t, rotationText).use(deaths)
	for i := range maxAlerts + 1 {
		a := w.dies("web1", fmt.Sprint(i))
		a.Severity = SeverityTicket
		w.apply(a)
	}
	want(t, w.deliver(sentOK), "trigger terminal alice")
	w.env.Now = w.env.Now.Add(2 * time.Minute)
	w.apply(w.dies("web1", fmt.Sprint(maxAlerts)))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
}

// However deaths and starts come, an incident is open exactly as long as an alert of it fires, none is in two, and the
// severity of an open one never falls.
func TestGroupsHoldEveryAlertOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rotationText).use(deaths)
		firing := map[string]bool{}
		gravest := map[string]int{}
		for range rapid.IntRange(1, 150).Draw(rt, "steps") {
			w.after(time.Duration(rapid.IntRange(1, 3000).Draw(rt, "pause")) * time.Millisecond)
			a := w.dies("web1", fmt.Sprint(rapid.IntRange(0, maxAlerts+15).Draw(rt, "container")))
			a.Severity = rapid.SampledFrom([]Severity{SeverityInfo, SeverityTicket, SeverityPage}).Draw(rt, "severity")
			a.Firing = rapid.IntRange(0, 3).Draw(rt, "kind") > 0
			w.apply(a)
			w.deliver(sentOK)
			firing[a.Key] = a.Firing
			open := map[string]string{}
			for _, inc := range w.book.Incidents() {
				if inc.State == Resolved {
					continue
				}
				if inc.Severity.Rank() < gravest[inc.ID] {
					rt.Fatalf("incident %s fell to %s", inc.ID, inc.Severity)
				}
				gravest[inc.ID] = inc.Severity.Rank()
				if !inc.firing() && inc.OpenParts == 0 {
					rt.Fatalf("incident %s is %s, but nothing fires in it", inc.ID, inc.State)
				}
				for key, held := range inc.Alerts {
					if held.Firing && open[key] != "" {
						rt.Fatalf("%s fires in %s and %s", key, inc.ID, open[key])
					}
					if held.Firing {
						open[key] = inc.ID
					}
				}
			}
			for key, fires := range firing {
				if fires != (open[key] != "") {
					rt.Fatalf("%s fires: %t, but in the book: %q", key, fires, open[key])
				}
			}
		}
	})
}

func TestWhatFiresSpeaksForAnIncident(t *testing.T) {
	w := newWorld(t, rotationText).use(deaths)
	first := w.dies("web1", "a")
	w.apply(first)
	w.env.Now = w.env.Now.Add(time.Second)
	w.apply(w.dies("web1", "b"), w.dies("web1", "c"))
	want(t, w.only().Summaries(), "container a died", "container b died", "container c died")
	w.apply(over(first, w.env.Now))
	want(t, w.only().Summaries(), "container b died", "container c died")
	w.acted(w.book.Resolve(w.env, "I001", "alice", ""))
	want(t, w.only().Summaries(), "container a died", "container b died", "container c died")
}

// comeBack is what the router does with deaths that come back.
var comeBack = Settings{Groups: deaths.Groups, ReopenWithin: 5 * time.Minute}

// holding is the incident that holds an alert.
func (w *world) holding(a Alert) string {
	id, _ := w.book.Holding(a.Key)
	return id
}

func TestWhatIsOpenedAgainLeadsItsGroup(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted %t", restarted), func(t *testing.T) {
			w := newWorld(t, rotationText).use(comeBack)
			w.apply(w.dies("web1", "a"))
			w.after(2 * time.Minute)
			w.apply(w.dies("web1", "b"), over(w.dies("web1", "a"), w.env.Now))
			w.after(2 * time.Minute)
			w.apply(w.dies("web1", "a")) // I001 again
			if restarted {
				incidents := w.book.Incidents()
				w.book = NewBook(incidents, append(w.book.Rows("I001"), w.book.Rows("I002")...), nil)
				w.use(comeBack)
			}
			w.after(10 * time.Second)
			c := w.dies("web1", "c")
			w.apply(c)
			if got := w.holding(c); got != "I001" {
				t.Errorf("what dies 10 s after I001 was opened again is in %s", got)
			}
		})
	}
}

func TestNewsOfAnOlderIncidentDoesNotMakeItLead(t *testing.T) {
	w := newWorld(t, rotationText).use(comeBack)
	w.apply(w.dies("web1", "a"))
	w.after(2 * time.Minute)
	w.apply(w.dies("web1", "b"))
	w.after(10 * time.Second)
	c := w.dies("web1", "c")
	w.apply(w.dies("web1", "a"), c) // in one batch
	if got := w.holding(c); got != "I002" {
		t.Errorf("what dies 10 s after I002 was opened is in %s", got)
	}
}

// An incident that was opened again led its group, and is over: those that were opened before it take what comes.
func TestWhoLedAGroupIsOver(t *testing.T) {
	w := newWorld(t, rotationText).use(comeBack)
	w.apply(w.dies("web1", "a"))
	w.after(2 * time.Minute)
	w.apply(over(w.dies("web1", "a"), w.env.Now))
	w.apply(w.dies("web1", "b")) // I002
	w.after(10 * time.Second)
	w.apply(w.dies("web1", "a")) // I001 again
	w.after(time.Second)
	c, d := w.dies("web1", "c"), w.dies("web1", "d")
	w.apply(over(w.dies("web1", "a"), w.env.Now), c)
	w.after(time.Second)
	w.apply(d)
	if w.holding(c) != "I002" || w.holding(d) != "I002" {
		t.Errorf("what dies in one batch with the end of I001 is in %s, and what dies later in %s", w.holding(c), w.holding(d))
	}
}

// What joins an incident that flaps and has been quiet for a while ends its quiet.
func TestWhatJoinsEndsTheQuiet(t *testing.T) {
	settings := comeBack
	settings.Flapping = Flapping{Reopenings: 1, Within: time.Hour, Quiet: 10 * time.Minute}
	w := newWorld(t, rotationText).use(settings)
	w.apply(w.dies("web1", "a"))
	w.after(time.Minute)
	w.apply(over(w.dies("web1", "a"), w.env.Now))
	w.after(time.Minute)
	w.apply(w.dies("web1", "a")) // it flaps
	w.after(10 * time.Second)
	w.apply(over(w.dies("web1", "a"), w.env.Now))
	w.after(10 * time.Second)
	w.apply(w.dies("web1", "b"))
	w.acknowledge("alice")
	w.during(15 * time.Minute)
	if inc := w.only(); inc.State != Acknowledged {
		t.Errorf("it is %s, and b is dead:\n%s", inc.State, strings.Join(w.log, "\n"))
	}
}

// What joins and is graver calls anew, and who was told besides hears of it as well.
func TestWhoHasItHearsOfWhatIsGraverToo(t *testing.T) {
	w := newWorld(t, rotationText).use(deaths)
	first := w.dies("web1", "a")
	first.Severity = SeverityTicket
	w.apply(first)
	want(t, w.deliver(sentOK), "trigger terminal alice")
	w.acted(w.book.Reassign(w.env, "I001", "alice", "bob", ""))
	want(t, w.deliver(sentOK), "trigger terminal bob")
	w.after(time.Second)
	w.apply(w.dies("web1", "b"))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	want(t, w.after(5*time.Second).deliver(sentOK), "update terminal alice", "update terminal bob")
}
