package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hiding is what the router hides when its configuration does not say.
func hiding(t testing.TB) Settings {
	s := lasting
	s.Suppressions = []Suppression{{ID: "host-gone", Source: matchers(t, "rule=agent-gone"), Target: matchers(t, "container_name=~.+"), Equal: []string{"host"}}}
	return s
}

// gone is the absence of a host's agent.
func (w *world) gone(host string, firing bool) Alert {
	return Alert{
		Key: DedupKey("agent-gone", host), Rule: "agent-gone", Kind: KindState, Firing: firing, Severity: SeverityPage,
		Labels: map[string]string{"host": host}, Summary: "nezuban_agent of " + host + " has been silent", At: w.env.Now,
	}
}

// ill is a container's state alert.
func (w *world) ill(host, name string) Alert {
	a := w.dies(host, name)
	a.Key, a.Rule, a.Kind, a.Event = DedupKey("container-unhealthy", name, host), "container-unhealthy", KindState, ""
	return a
}

func TestAHostThatIsGoneHidesItsContainers(t *testing.T) {
	for _, row := range []struct {
		name  string
		ends  bool // the container's alert, when the host is back
		sends []string
	}{
		{"what still holds when it is back pages", false, []string{"resolve pagerduty alice", "trigger pagerduty alice"}},
		{"what has ended does not", true, []string{"resolve pagerduty alice"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(hiding(t))
			w.apply(w.gone("web1", true))
			want(t, w.deliver(sentOK), "trigger pagerduty alice")
			w.acknowledge("alice")
			w.deliver(sentOK)
			w.after(time.Minute)
			a := w.ill("web1", "shop")
			w.apply(a)
			w.apply(w.ill("web2", "shop")) // of another host
			want(t, w.during(20*time.Second), "trigger pagerduty alice")
			w.acted(w.book.Acknowledge(w.env, "I003", "alice", ""))
			w.deliver(sentOK)
			w.during(time.Hour)
			if inc, _ := w.book.Incident("I002"); inc.SuppressedBy != "I001" || !strings.Contains(inc.Suppressed, "agent-gone") {
				t.Errorf("suppressed by %q: %q", inc.SuppressedBy, inc.Suppressed)
			}
			w.apply(w.gone("web1", false))
			sent := w.during(5 * time.Second)
			if row.ends {
				w.apply(over(a, w.env.Now))
			}
			want(t, append(sent, w.during(ReleaseAfter)...), row.sends...)
			if !w.said("hides incident I002: container shop died") || w.said("over, nobody was paged: incident I002") {
				t.Error(strings.Join(w.log, "\n"))
			}
		})
	}
}

func TestWhatEndsWhileItsHostIsGoneIsALine(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.gone("web1", true))
	a := w.ill("web1", "shop")
	w.apply(a)
	w.deliver(sentOK)
	w.after(time.Minute)
	w.apply(over(a, w.env.Now))
	want(t, w.deliver(sentOK))
	if inc, _ := w.book.Incident("I002"); inc.State != Resolved || !w.said("over, nobody was paged: incident I002") {
		t.Errorf("it is %s:\n%s", inc.State, strings.Join(w.log, "\n"))
	}
}

// The host is back while nothing fires in what it hid; what joins that afterwards under a silence is suppressed by the silence,
// and pages when that ends.
func TestWhatJoinsWhatWasHiddenIsSuppressedByItsOwnReason(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.gone("web1", true))
	w.during(time.Second)
	w.acknowledge("alice")
	for range 3 {
		a := w.dies("web1", "shop")
		w.apply(a)
		w.during(time.Second)
		w.apply(over(a, w.env.Now))
		w.during(time.Second)
	}
	w.silence(0, "host=web1")
	w.during(time.Second)
	w.apply(w.gone("web1", false))
	w.during(time.Second)
	if inc, _ := w.book.Incident("I002"); inc.SuppressedBy != "I001" || !inc.Flapping || inc.State == Resolved {
		t.Fatalf("it is %s, flapping %v, suppressed by %q", inc.State, inc.Flapping, inc.SuppressedBy)
	}
	another := w.dies("web1", "another")
	another.Lasting = true
	w.apply(another)
	if inc, _ := w.book.Incident("I002"); inc.SuppressedBy != "" || !strings.Contains(inc.Suppressed, "kernel update") || len(inc.Alerts) != 2 {
		t.Errorf("it has %d alerts, and is suppressed by %q: %q", len(inc.Alerts), inc.SuppressedBy, inc.Suppressed)
	}
	want(t, w.during(time.Hour-3*time.Second))
	want(t, w.during(2*time.Second), "trigger pagerduty alice")
}

// A host that goes down takes its containers with it: their deaths are known before its silence is.
func TestAHostThatIsGoneHidesWhatOpenedBefore(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.dies("web1", "shop"))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.during(time.Minute)
	w.apply(w.gone("web1", true))
	w.acted(w.book.Acknowledge(w.env, "I002", "alice", ""))
	want(t, w.during(time.Hour)) // nobody hears of the container again
	if inc, _ := w.book.Incident("I001"); inc.SuppressedBy != "I002" {
		t.Errorf("suppressed by %q", inc.SuppressedBy)
	}
}

// In one batch the order does not count.
func TestASourceHidesInTheBatchThatBringsIt(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.gone("web1", true), w.ill("web1", "shop"))
	want(t, w.during(5*time.Second), "trigger pagerduty alice")
	if inc, _ := w.book.Incident("I002"); inc.SuppressedBy != "I001" {
		t.Errorf("suppressed by %q", inc.SuppressedBy)
	}
}

// A silence over the host's absence does not let its containers page.
func TestAHostThatIsGoneHidesNothingElse(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.gone("web1", true))
	w.deliver(sentOK)
	disk := w.gone("web1", true) // no container's
	disk.Key, disk.Rule = DedupKey("disk-free", "web1"), "disk-free"
	w.apply(disk)
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
}

// A person who pages somebody about a container of a host that is gone means it.
func TestWhatAPersonOpensIsNotHidden(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.gone("web1", true))
	w.deliver(sentOK)
	alert, err := Manual("k", "bob", "shop is down", SeverityPage, map[string]string{"host": "web1", "container_name": "shop"}, start)
	if err != nil {
		t.Fatal(err)
	}
	w.apply(alert)
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.during(time.Minute)
	if inc, _ := w.book.Incident("I002"); inc.Suppressed != "" {
		t.Errorf("it is suppressed: %s", inc.Suppressed)
	}
}

func TestASilencedSourceHidesAsWell(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.silence(0, "rule=agent-gone")
	w.apply(w.gone("web1", true))
	w.apply(w.ill("web1", "shop"))
	want(t, w.during(5*time.Minute))
}

func TestWhatHidesEachOtherLeavesOneToPage(t *testing.T) {
	both := matchers(t, "host=~.+")
	w := newWorld(t, rotationText).use(Settings{Suppressions: []Suppression{{ID: "x", Source: both, Target: both, Equal: []string{"host"}}}})
	w.apply(w.ill("web1", "a"), w.ill("web1", "b"), w.ill("web1", "c"))
	want(t, w.during(5*time.Second), "trigger pagerduty alice")
	w.apply(over(w.ill("web1", "a"), w.env.Now))
	sent := w.during(ReleaseAfter + 5*time.Second)
	want(t, sent, "resolve pagerduty alice", "trigger pagerduty alice")
}

func TestASourceThatComesBackKeepsHiding(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.gone("web1", true))
	w.deliver(sentOK)
	w.acknowledge("alice")
	w.deliver(sentOK)
	w.after(time.Second)
	w.apply(w.ill("web1", "shop"))
	w.during(time.Minute)
	w.apply(w.gone("web1", false))
	w.during(ReleaseAfter - 5*time.Second)
	w.apply(w.gone("web1", true))
	for _, sent := range w.during(time.Minute) {
		if strings.HasPrefix(sent, "trigger") {
			t.Errorf("sent %q", sent)
		}
	}
}

func TestAHundredHiddenIncidentsAreFewLines(t *testing.T) {
	w := newWorld(t, rotationText).use(hiding(t))
	w.apply(w.gone("web1", true))
	for i := range 100 {
		w.apply(w.ill("web1", fmt.Sprint("c", i)))
	}
	if inc, _ := w.book.Incident("I001"); inc.Entries > 60 || inc.Hides != 100 {
		t.Errorf("%d lines about %d hidden", inc.Entries, inc.Hides)
	}
}

// Whatever comes and goes, each alert that fires is in an incident that has been paged, or that says why it was not; and
// when neither a source nor a silence is left, all that fires has been paged.
func TestAcceptedIsPagedOrSuppressedWithAReason(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rotationText).use(hiding(t))
		paged := func(inc Incident) bool {
			for _, row := range w.book.Rows(inc.ID) {
				if row.Kind == MessageTrigger && row.mayHaveArrived() {
					return true
				}
			}
			return inc.PartOf != "" || inc.State == Acknowledged
		}
		hosts, names := []string{"web1", "web2"}, []string{"a", "b", "c"}
		var silenced []string
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			host := rapid.SampledFrom(hosts).Draw(rt, "host")
			on := rapid.Bool().Draw(rt, "firing")
			a := w.gone(host, on)
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				silenced = append(silenced, w.silence(0, "host="+host))
				continue
			case 1:
				if len(silenced) > 0 {
					c, err := w.book.EndSilence(w.env, silenced[0], "alice")
					silenced = silenced[1:]
					if err == nil {
						w.accept(c)
					}
				}
			case 2, 3:
				a = w.ill(host, rapid.SampledFrom(names).Draw(rt, "name"))
				a.Firing = on
				w.apply(a)
			default:
				w.apply(a)
			}
			w.during(time.Duration(rapid.IntRange(1, 60).Draw(rt, "pause")) * time.Second)
			for _, inc := range w.book.Incidents() {
				if inc.State != Resolved && !paged(inc) && inc.Suppressed == "" {
					rt.Fatalf("incident %s is %s and neither paged nor suppressed", inc.ID, inc.State)
				}
			}
		}
		for _, host := range hosts {
			w.apply(w.gone(host, false))
		}
		for _, id := range silenced {
			if c, err := w.book.EndSilence(w.env, id, "alice"); err == nil {
				w.accept(c)
			}
		}
		w.during(12 * time.Minute)
		for _, inc := range w.book.Incidents() {
			if inc.State != Resolved && (inc.Suppressed != "" || !paged(inc)) {
				rt.Fatalf("incident %s is %s, suppressed by %q, though nothing hides it", inc.ID, inc.State, inc.Suppressed)
			}
		}
	})
}
