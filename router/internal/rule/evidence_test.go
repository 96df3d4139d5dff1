package rule_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/rule/window"
)

// memo is what is kept of the evidence over restarts, as package evidence keeps it.
type memo struct {
	whole   []string // JSON of a rule.Evidence each
	journal []rule.Counted
}

// keep notes what was counted since the last time; whole: all anew.
func (m *memo) keep(t *testing.T, w *world, whole bool) {
	t.Helper()
	results, all := w.engine.Counted()
	if !all {
		t.Error("more was counted than is remembered")
	}
	m.journal = append(m.journal, results...)
	if !whole {
		return
	}
	m.whole, m.journal = nil, nil
	for _, e := range w.engine.Evidence(0, 10) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		m.whole = append(m.whole, string(text))
	}
}

// restart makes a new engine that goes on from what was kept.
func (m *memo) restart(t *testing.T, w *world) {
	t.Helper()
	w.restart()
	for _, text := range m.whole {
		var e rule.Evidence
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		if err := w.engine.Recall(e, w.now); err != nil {
			t.Error(err)
		}
	}
	w.engine.Count(m.journal, w.now)
}

// TestObjectivesKnowTheirPastAfterARestart lets two routers see the same results, one of which is restarted again and again;
// both say the same at the same times. Results are sent twice, some of them late, and the second time to the next life.
func TestObjectivesKnowTheirPastAfterARestart(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			steady, shaken := newWorld(t, shopObjective, oneLocation), newWorld(t, shopObjective, oneLocation)
			var kept memo
			share := 0.0 // of the results that are bad
			restarts := 0
			for n := range 20 * 60 * 6 { // twenty hours
				if r.IntN(180) == 0 {
					share = []float64{0, 0, 0.003, 0.02, 1}[r.IntN(5)]
				}
				p := probe("shop", "tokyo", r.Float64() >= share, steady.now.Add(-time.Duration(r.IntN(1+n%7*60))*time.Second))
				for _, w := range []*world{steady, shaken} {
					w.observe(p)
				}
				if r.IntN(3) == 0 {
					kept.keep(t, shaken, r.IntN(5) == 0)
				}
				if r.IntN(200) == 0 {
					kept.keep(t, shaken, false)
					kept.restart(t, shaken)
					restarts++
				}
				for _, w := range []*world{steady, shaken} {
					w.observe(p)
					w.now = w.now.Add(10 * time.Second)
					w.commit(w.engine.Tick(w.now))
				}
				if want, got := sayings(steady), sayings(shaken); !slices.Equal(got, want) {
					t.Fatalf("at +%s, after %d restarts, said\n\t%s\nwant, as without them,\n\t%s", steady.now.Sub(epoch), restarts, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
				}
			}
			if restarts < 10 {
				t.Errorf("%d restarts, want more", restarts)
			}
		})
	}
}

// sayings is what was said of objectives, with its words.
func sayings(w *world) []string {
	var all []string
	for _, a := range w.alerts {
		if !strings.HasPrefix(a.Key, "check-down") {
			all = append(all, fmt.Sprint(said([]incident.Alert{a}), a.At, a.Summary))
		}
	}
	w.alerts = nil
	return all
}

// TestACrashDelaysAnObjectiveByLittle: what was counted in the ten seconds before a crash may be lost. What burns then is said
// thirty seconds later than it would have been, at most.
func TestACrashDelaysAnObjectiveByLittle(t *testing.T) {
	for lost := range 10 {
		w := newWorld(t, shopObjective, oneLocation)
		var kept memo
		probeFor(w, 6*time.Hour, good)
		began := w.now
		probeFor(w, time.Duration(lost)*10*time.Second, bad)
		kept.keep(t, w, true)
		probeFor(w, 10*time.Second, bad)
		kept.restart(t, w)
		for len(sayings(w)) == 0 && w.now.Sub(began) < time.Hour {
			probeFor(w, 10*time.Second, bad)
		}
		if took := w.now.Sub(began); took > 60*time.Second+30*time.Second+20*time.Second {
			t.Errorf("%d results before the crash: paged %s after it began, want 60 s and 30 s, and 20 s that the test looks in steps", lost, took)
		}
	}
}

// TestEvidenceOfAClockThatWasAhead: a router whose clock was a month ahead wrote down its evidence; after the restart the clock is right. An
// outage is paged as ever.
func TestEvidenceOfAClockThatWasAhead(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	right := w.now
	w.now = w.now.Add(30 * 24 * time.Hour)
	var kept memo
	probeFor(w, time.Hour, good)
	kept.keep(t, w, true)
	probeFor(w, time.Minute, good)
	kept.keep(t, w, false)
	w.now = right.Add(time.Hour)
	kept.restart(t, w)
	probeFor(w, 30*time.Minute, good)
	w.expect()
	probeFor(w, 3*time.Minute, bad)
	w.expect(burnPage)
}

// TestHistoryFillsAGap: a router that never saw the last three days reads them again, and knows a slow burn.
func TestHistoryFillsAGap(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	if checks, longest := w.engine.ObjectiveChecks(); !slices.Equal(checks, []string{"shop"}) || longest != 30*24*time.Hour {
		t.Errorf("objectives are about %v, %s at most, want shop and 30 days", checks, longest)
	}
	probeFor(w, time.Minute, good)
	var sums []rule.Sum
	var results []rule.Counted
	for at := w.now.Add(-60 * time.Hour).Truncate(time.Hour); at.Before(w.now.Add(-5 * time.Hour)); at = at.Add(5 * time.Minute) {
		sums = append(sums, rule.Sum{At: at, Counts: window.Counts{Total: 300, Bad: 1}}) // 3.3 times the budget
	}
	for at := w.now.Add(-5 * time.Hour); at.Before(w.now); at = at.Add(10 * time.Second) {
		results = append(results, rule.Counted{Check: "shop", Location: "tokyo", At: at, Taken: at, Bad: at.Unix()%3000 == 0})
	}
	w.engine.CountSums("shop", sums, w.now)
	first, again := w.engine.Count(results, w.now), w.engine.Count(results, w.now)
	if first != len(results)-6 || again != 0 { // the last minute's came by themselves
		t.Errorf("counted %d of %d, then %d, want all but the six that were known, then none", first, len(results), again)
	}
	w.engine.CountSums("another", sums, w.now)
	w.wait(time.Second)
	w.expect(burnTicket)
}

func TestEvidenceThatCannotBeRead(t *testing.T) {
	source := newWorld(t, shopObjective, oneLocation)
	probeFor(source, time.Hour, bad)
	good := source.engine.Evidence(0, 10)[0]
	changed := func(change func(*rule.Evidence)) rule.Evidence {
		e := good
		change(&e)
		return e
	}
	for _, tt := range []struct {
		name string
		kept rule.Evidence
		want string // part of the error; "" for none
		burn bool   // known after it
	}{
		{"what is good", good, "", true},
		{"an objective that is gone", changed(func(e *rule.Evidence) { e.Rule = "gone" }), "", false},
		{"a check that is gone", changed(func(e *rule.Evidence) { e.Check = "gone" }), "", false},
		{"no version", changed(func(e *rule.Evidence) { e.Version = 0 }), "found version 0, expected 1 to 1", false},
		{"a later version", changed(func(e *rule.Evidence) { e.Version = 2 }), "found version 2, expected 1 to 1", false},
		{"a tier of nonsense", changed(func(e *rule.Evidence) {
			e.Ring.Tiers = []window.KeptTier{{Step: 1, Head: 0, Buckets: []byte{1, 1, 1}}}
		}), "tier 0: byte 0 of its buckets: found 1 steps back", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, shopObjective, oneLocation)
			w.now = source.now
			w.restart()
			err := w.engine.Recall(tt.kept, w.now)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			w.wait(time.Second)
			if burns := len(w.alerts) > 0; burns != tt.burn {
				t.Errorf("burns: %v, want %v", burns, tt.burn)
			}
			if err := w.engine.Recall(good, w.now); err != nil {
				t.Error(err)
			}
			if got, want := w.engine.Evidence(0, 1)[0].Ring.Tiers[0].Buckets, good.Ring.Tiers[0].Buckets; !slices.Equal(got, want) {
				t.Errorf("after the good one, again: %v, want it once: %v", got, want)
			}
		})
	}
}

// TestCountedIsBounded: nobody asks what was counted, for long.
func TestCountedIsBounded(t *testing.T) {
	w := newWorld(t, shopObjective, oneLocation)
	for n := range 100_001 {
		if n%10_000 == 0 {
			w.now = w.now.Add(3 * time.Hour)
		}
		w.engine.Observe([]influx.Point{probe("shop", "tokyo", true, w.now.Add(-time.Duration(n%10_000)*time.Second))}, w.now)
	}
	results, all := w.engine.Counted()
	if len(results) != 100_000 || all {
		t.Errorf("%d results, all of them: %v; want 100000, and not all", len(results), all)
	}
	if results, all = w.engine.Counted(); len(results) != 0 || !all {
		t.Errorf("then %d, all of them: %v; want none, and all", len(results), all)
	}
}
