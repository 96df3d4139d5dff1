package incident

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func matchers(t testing.TB, texts ...string) Matchers {
	t.Helper()
	var list Matchers
	for _, text := range texts {
		m, err := ParseMatcher(text)
		if err != nil {
			t.Fatalf("%s: found %q, expected %v", text, text, err)
		}
		list = append(list, m)
	}
	return list
}

// silence adds one of an hour over what the matchers say.
func (w *world) silence(from time.Duration, texts ...string) string {
	w.t.Helper()
	c, s, err := w.book.Silence(w.env, Silence{
		Matchers: matchers(w.t, texts...), From: w.env.Now.Add(from), Until: w.env.Now.Add(from + time.Hour), Reason: "kernel update", By: "alice",
	})
	w.acted(c, err)
	return s.ID
}

func (w *world) said(text string) bool { return strings.Contains(strings.Join(w.log, "\n"), text) }

func TestSilence(t *testing.T) {
	seen := func(w *world) Alert { // an error, of which nothing says that it goes on
		return Alert{Key: DedupKey("error-seen", "1"), Rule: "error-seen", Kind: KindOccurrence, Firing: true, Severity: SeverityPage, Labels: map[string]string{"host": "web1"}, Summary: "boom", At: w.env.Now, Event: "e1"}
	}
	dead := func(w *world) Alert {
		a := w.dies("web1", "shop")
		a.Lasting = true
		return a
	}
	check := func(w *world) Alert { a := down(w.env.Now, true); a.Labels["host"] = "web1"; return a }
	for _, row := range []struct {
		name   string
		alert  func(w *world) Alert
		ends   bool // what it says is over before the silence is
		sends  []string
		state  State
		reason string
	}{
		{"a condition that still holds at the end pages then", check, false, []string{"trigger pagerduty alice"}, Triggered, "no longer suppressed, it still holds: silence"},
		{"one that is over before does not", check, true, nil, Resolved, "suppressed, nobody is paged: silence"},
		{"a container that is still dead pages", dead, false, []string{"trigger pagerduty alice"}, Triggered, "no longer suppressed, it still holds: silence"},
		{"one that was started does not", dead, true, nil, Resolved, "suppressed, nobody is paged: silence"},
		{"an error that was seen does not", seen, false, nil, Resolved, "dropped, nobody is paged: it happened while suppressed, and nothing says that it goes on: silence"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotationText).use(lasting)
			w.silence(0, "host=web1")
			w.after(time.Minute)
			a := row.alert(w)
			w.apply(a)
			want(t, w.during(58*time.Minute))
			if inc := w.only(); !strings.Contains(inc.Suppressed, "kernel update") {
				t.Errorf("it is %s, suppressed by %q", inc.State, inc.Suppressed)
			}
			if row.ends {
				w.apply(over(a, w.env.Now))
			}
			want(t, w.during(2*time.Minute), row.sends...)
			if inc := w.only(); inc.State != row.state || inc.Unpaged() != (row.sends == nil) || !w.said(row.reason) {
				t.Errorf("it is %s, unpaged: %t\n%s", inc.State, inc.Unpaged(), strings.Join(w.log, "\n"))
			}
		})
	}
}

func TestASilenceOverAnOpenIncidentStopsItsEscalation(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(down(start, true))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.after(time.Minute)
	id := w.silence(0, "check=shop")
	want(t, w.during(30*time.Minute)) // bob's turn has come and gone
	w.acted(w.book.EndSilence(w.env, id, "bob"))
	want(t, w.during(2*time.Second), "trigger pagerduty alice") // the escalation begins anew
	w.apply(down(w.env.Now, false))
	want(t, w.deliver(sentOK), "resolve pagerduty alice")
}

func TestASilencedPageThatHasNotGoneOutIsWithdrawn(t *testing.T) {
	w := newWorld(t, rotationText)
	w.apply(down(start, true))
	w.deliver(Outcome{Err: errors.New("503"), After: 10 * time.Second})
	w.silence(0, "check=shop")
	want(t, w.during(time.Minute))
}

func TestASilenceOfTheFutureBegins(t *testing.T) {
	w := newWorld(t, rotationText)
	w.silence(time.Hour, "check=shop")
	w.apply(down(start, true))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.acknowledge("alice")
	w.deliver(sentOK)
	w.during(time.Hour + time.Second)
	if inc := w.only(); inc.Suppressed == "" || inc.State != Acknowledged {
		t.Errorf("it is %s, suppressed by %q", inc.State, inc.Suppressed)
	}
	want(t, w.during(time.Hour)) // it is over, and alice still has it
	if inc := w.only(); inc.Suppressed != "" || inc.State != Acknowledged {
		t.Errorf("it is %s, suppressed by %q", inc.State, inc.Suppressed)
	}
}

func TestAnIncidentWithAnotherAlertGoesOnPaging(t *testing.T) {
	w := newWorld(t, rotationText).use(deaths)
	w.apply(w.dies("web1", "a"), w.dies("web1", "b"))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	w.silence(0, "container_name=a")
	want(t, w.during(5*time.Minute), "trigger terminal bob")
	w.apply(over(w.dies("web1", "b"), w.env.Now)) // what is left is silenced
	want(t, w.during(20*time.Minute))
}

func TestWhatIsSilencedAndWhatIsNotAreTwoIncidents(t *testing.T) {
	w := newWorld(t, rotationText).use(deaths)
	w.silence(0, "container_name=~a.*")
	w.apply(w.dies("web1", "a1"))
	w.apply(w.dies("web1", "a2"))
	want(t, w.deliver(sentOK))
	w.apply(w.dies("web1", "b1"))
	w.apply(w.dies("web1", "a3"))
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
	want(t, w.only2(), "a1+a2+a3", "b1")
}

// only2 lists the containers of each incident.
func (w *world) only2() []string {
	var list []string
	for _, inc := range w.book.Incidents() {
		var names []string
		for _, a := range inc.Ordered() {
			names = append(names, a.Labels["container_name"])
		}
		list = append(list, strings.Join(names, "+"))
	}
	return list
}

// A ticket whose condition becomes a page while that is silenced is a page when the silence ends.
func TestASilencedRiseIsMadeUpFor(t *testing.T) {
	w := newWorld(t, rotationText)
	low := down(start, true)
	low.Severity = SeverityTicket
	w.apply(low)
	want(t, w.deliver(sentOK), "trigger terminal alice")
	id := w.silence(0, "severity=page")
	w.apply(down(w.env.Now.Add(time.Second), true))
	want(t, w.deliver(sentOK))
	w.acted(w.book.EndSilence(w.env, id, "alice"))
	want(t, w.during(2*time.Second), "trigger pagerduty alice")
}

func TestWhatAPersonOpensIsNotSilenced(t *testing.T) {
	w := newWorld(t, rotationText)
	w.silence(0, "rule=~.*", "severity=page")
	alert, err := Manual("k", "bob", "the shop is slow", SeverityPage, nil, start)
	if err != nil {
		t.Fatal(err)
	}
	w.apply(alert)
	want(t, w.deliver(sentOK), "trigger pagerduty alice")
}

func TestSilencesAreRefused(t *testing.T) {
	good := func() Silence {
		return Silence{Matchers: matchers(t, "host=web1"), Until: start.Add(time.Hour), Reason: "x", By: "alice"}
	}
	for name, spoil := range map[string]func(s *Silence){
		"no matchers":             func(s *Silence) { s.Matchers = nil },
		"one for everything":      func(s *Silence) { s.Matchers = matchers(t, "host=~.*", "team!=web") },
		"until: over already":     func(s *Silence) { s.Until = start },
		"until: before it begins": func(s *Silence) { s.From = start.Add(2 * time.Hour) },
		"until: for ever":         func(s *Silence) { s.Until = start.Add(LongestSilence + time.Hour) },
		"from: a distant future":  func(s *Silence) { s.From = start.Add(400 * 24 * time.Hour); s.Until = s.From.Add(time.Hour) },
		"without a reason":        func(s *Silence) { s.Reason = "" },
		"in nobody's name":        func(s *Silence) { s.By = "" },
		"with very many matchers": func(s *Silence) { s.Matchers = append(s.Matchers, make(Matchers, maxMatchers)...) },
	} {
		w := newWorld(t, rotationText)
		s := good()
		spoil(&s)
		if _, _, err := w.book.Silence(w.env, s); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		} else if field, _, named := strings.Cut(name, ": "); named && !strings.HasPrefix(err.Error(), field+": found ") {
			t.Errorf("%s: %v names another field", name, err)
		}
	}
	w := newWorld(t, rotationText)
	for range maxSilences {
		c, _, err := w.book.Silence(w.env, good())
		w.acted(c, err)
	}
	if _, _, err := w.book.Silence(w.env, good()); !errors.Is(err, ErrInvalid) {
		t.Errorf("one too many: %v", err)
	}
}

func TestAReasonIsALine(t *testing.T) {
	w := newWorld(t, rotationText)
	c, s, err := w.book.Silence(w.env, Silence{Matchers: matchers(t, "host=web1"), Until: start.Add(time.Hour), Reason: "a\nb\x1b[2J" + strings.Repeat("x", 2000), By: "al\nice"})
	w.acted(c, err)
	if strings.ContainsAny(s.Reason+s.By, "\n\x1b") || len(s.Reason) > 1010 {
		t.Errorf("found %q by %q", s.Reason, s.By)
	}
}

func TestSilencesEndAndAreForgotten(t *testing.T) {
	w := newWorld(t, rotationText)
	id := w.silence(0, "host=web1")
	w.acted(w.book.EndSilence(w.env, id, "bob"))
	if _, err := w.book.EndSilence(w.env, id, "bob"); !errors.Is(err, ErrUnknown) {
		t.Errorf("ended twice: %v", err)
	}
	w.after(keepSilence - time.Second)
	if list := w.book.Silences(); len(list) != 1 || list[0].EndedBy != "bob" {
		t.Errorf("found %+v", list)
	}
	if w.after(time.Second); len(w.book.Silences()) != 0 {
		t.Errorf("found %+v", w.book.Silences())
	}
}

// evenings is from 20:00 to 22:00 each day.
type evenings struct{}

func (evenings) Until(t time.Time) time.Time {
	if t.Hour() < 20 || t.Hour() >= 22 {
		return time.Time{}
	}
	return t.Truncate(time.Hour).Add(time.Duration(22-t.Hour()) * time.Hour)
}

func TestMaintenanceComesAgain(t *testing.T) {
	w := newWorld(t, rotationText).use(Settings{Maintenance: []Maintenance{{ID: "backup", Matchers: matchers(t, "check=shop"), Hours: evenings{}}}})
	for day := range 3 {
		w.env.Now = start.Add(10*time.Hour + time.Duration(day)*24*time.Hour) // 20:00
		w.apply(down(w.env.Now, true))
		want(t, w.during(2*time.Hour-time.Second))
		want(t, w.during(2*time.Second), "trigger pagerduty alice")
		w.apply(down(w.env.Now, false))
		want(t, w.deliver(sentOK), "resolve pagerduty alice")
	}
	if !w.said("maintenance window backup until 2026-03-04T22:00Z") {
		t.Error(strings.Join(w.log, "\n"))
	}
}

// Under a silence nothing is lost by a crash either: the book is made anew from what was stored.
func TestSilencesSurviveARestart(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	w.silence(0, "check=shop")
	w.apply(down(start, true))
	w.env.Now = w.env.Now.Add(time.Second)
	silences := w.book.Silences()
	w.crash()
	w.book.Use(lasting)
	w.book.Restore(silences)
	want(t, w.during(59*time.Minute))
	want(t, w.during(time.Minute), "trigger pagerduty alice")
}

// An incident that flaps stays open while nothing of it fires: what fires in it anew under a silence pages nobody.
func TestWhatFlapsUnderASilencePagesNobody(t *testing.T) {
	w, _ := flapped(t, false)
	w.apply(down(w.env.Now, false))
	w.during(6 * time.Minute) // bob's turn comes, but nothing fires
	w.silence(0, "check=shop")
	w.during(time.Second)
	w.apply(down(w.env.Now, true))
	want(t, w.during(3*time.Minute))
	if inc := w.only(); !strings.Contains(inc.Suppressed, "kernel update") {
		t.Errorf("it is %s, suppressed by %q:\n%s", inc.State, inc.Suppressed, strings.Join(w.log, "\n"))
	}
}

// A silence may be in force at one tick alone.
func TestASilenceOfOneTickHoldsNothingBack(t *testing.T) {
	w := newWorld(t, rotationText).use(lasting)
	w.apply(down(start, true))
	w.deliver(sentOK)
	c, _, err := w.book.Silence(w.env, Silence{Matchers: matchers(t, "check=~.+"), From: start.Add(5 * time.Second), Until: start.Add(10 * time.Second), Reason: "reboot", By: "alice"})
	w.acted(c, err)
	w.after(time.Second) // looks, and finds nothing
	w.after(6 * time.Second)
	if w.only().Suppressed == "" {
		t.Fatal("it is not suppressed")
	}
	w.after(5 * time.Second)
	if all := w.book.Incidents(); len(all) != 1 || all[0].Suppressed != "" || all[0].State != Triggered {
		t.Errorf("found %d incidents, the first %s and suppressed by %q", len(all), all[0].State, all[0].Suppressed)
	}
}
