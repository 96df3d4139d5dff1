package rule_test

import (
	"strings"
	"testing"
	"time"

	"nezuban/router/internal/incident"
)

const (
	shopObjective = `
[[slo]]
id = "shop-availability"
check = "shop"
objective = 99.9
labels = { team = "web" }
`
	oneLocation = `
[[check]]
name = "shop"
url = "https://shop.example/"
interval = "10s"
severity = "info"
`
	burnPage     = "page firing shop-availability|shop"
	burnTicket   = "ticket firing shop-availability|shop"
	burnResolved = "page resolved shop-availability|shop"
)

// probeFor sends a result every 10 s, each twice, and leaves out what the check itself says.
func probeFor(w *world, d time.Duration, ok func(n int) bool) {
	for n := range int(d / (10 * time.Second)) {
		p := probe("shop", "tokyo", ok(n), w.now)
		w.observe(p)
		w.observe(p)
		w.wait(10 * time.Second)
	}
	var kept []incident.Alert
	for _, a := range w.alerts {
		if !strings.HasPrefix(a.Key, "check-down") {
			kept = append(kept, a)
		}
	}
	w.alerts = kept
}

func good(int) bool { return true }
func bad(int) bool  { return false }

func TestObjective(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	probeFor(w, 6*time.Hour, good)
	w.expect()
	probeFor(w, 40*time.Second, bad)
	w.expect() // 40 s of an hour is 11 times too fast, below 14.4
	probeFor(w, 30*time.Second, bad)
	w.expect(burnPage)
	probeFor(w, 20*time.Minute, bad)
	w.expect()
	probeFor(w, 4*time.Minute, good)
	w.expect()
	probeFor(w, 30*time.Minute, good) // the pair of 6h and 30m burns too by now: both must be calm
	if want, got := "shop-availability: check shop no longer burns its error budget; 5163 % of it is spent, as far as seen", w.alerts[0].Summary; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
	w.expect(burnResolved)
}

func TestObjectiveAlert(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	probeFor(w, time.Minute, bad)
	if len(w.alerts) != 1 {
		t.Fatalf("%d alerts, want 1", len(w.alerts))
	}
	a := w.alerts[0]
	if want := "shop-availability: check shop is burning the 30-day budget 1e+03× too fast (1h; 1e+03× in 5m; limit 14.4×)"; a.Summary != want {
		t.Errorf("summary %q, want %q", a.Summary, want)
	}
	for name, want := range map[string]string{"check": "shop", "target": "https://shop.example/", "team": "web"} {
		if a.Labels[name] != want {
			t.Errorf("label %s = %q, want %q", name, a.Labels[name], want)
		}
	}
}

// TestObjectiveRises: a ticket that gets worse is one alert that rises, and resolves once.
func TestObjectiveRises(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	probeFor(w, 40*time.Hour, func(n int) bool { return n%400 != 0 }) // 2.5 times the budget
	w.expect(burnTicket)
	probeFor(w, 5*time.Minute, bad)
	w.expect(burnPage)
	probeFor(w, 13*time.Hour, good)
	w.expect(burnResolved)
}

// TestObjectiveRestart: what burned goes on burning until enough of the short window shows otherwise.
func TestObjectiveRestart(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	probeFor(w, 6*time.Hour, good)
	probeFor(w, 80*time.Second, bad)
	w.expect(burnPage)
	w.restart()
	w.wait(30 * time.Minute)
	w.expect() // nothing has reported: unknown
	probeFor(w, 2*time.Minute, good)
	w.expect() // 3 of 5 minutes are covered
	probeFor(w, 3*time.Minute, good)
	w.expect(burnResolved)
}

func TestObjectiveSilence(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	probeFor(w, 5*time.Minute, bad)
	w.expect(burnPage)
	w.wait(24 * time.Hour)
	w.alerts = nil
	w.expect()
}
