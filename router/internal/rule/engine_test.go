package rule_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

const everyRule = containerRules + absenceRule + memRule + `for = "40s"` + shopObjective

// script draws batches of a simulated quarter of an hour: what happens at each multiple of ten seconds.
func script(t *rapid.T) [][]influx.Point {
	var batches [][]influx.Point
	running, health := true, true
	ok := map[string]bool{"tokyo": true, "frankfurt": true, "oregon": true}
	high := false
	for n := range 90 {
		at := epoch.Add(time.Duration(n) * 10 * time.Second)
		var batch []influx.Point
		flip := func(name string, odds int) bool { return rapid.IntRange(0, odds).Draw(t, name) == 0 }
		if flip("memory", 9) {
			high = !high
		}
		if !flip("silence", 29) {
			percent := 50.0
			if high {
				percent = 95
			}
			batch = append(batch, mem("h1", "web", percent, at), heartbeat("h1", influx.StateUp, at))
		}
		for _, location := range []string{"tokyo", "frankfurt", "oregon"} {
			if flip(location, 19) {
				ok[location] = !ok[location]
			}
			if n%3 == 0 {
				batch = append(batch, probe("shop", location, ok[location], at))
			}
		}
		switch {
		case flip("event", 7) && running:
			policy := rapid.SampledFrom([]string{"no", "always"}).Draw(t, "policy")
			how := rapid.SampledFrom([]string{"exit=1", "exit=0", "exit=143 requested"}).Draw(t, "how")
			batch = append(batch, happened(t, "kill", at.Add(time.Millisecond)), happened(t, "die policy="+policy+" "+how, at.Add(time.Second)))
			running = false
			if flip("quick", 1) {
				batch = append(batch, happened(t, "start", at.Add(2*time.Second)))
				running = true
			}
		case flip("start", 5) && !running:
			batch = append(batch, happened(t, "start id="+rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "id"), at.Add(time.Second)))
			running = true
		case flip("oom", 19):
			batch = append(batch, happened(t, "oom", at.Add(time.Second)))
		case flip("health", 19):
			health = !health
			state := map[bool]string{true: "healthy", false: "unhealthy"}[health]
			batch = append(batch, happened(t, "health_status health="+state, at.Add(time.Second)))
		}
		batches = append(batches, batch)
	}
	return batches
}

// run plays a script. disturb is called after each batch, with all batches so far.
func run(tb testing.TB, batches [][]influx.Point, disturb func(w *world, past [][]influx.Point)) *world {
	w := newWorld(tb, everyRule, shopCheck)
	for n, batch := range batches {
		w.observe(batch...)
		disturb(w, batches[:n+1])
		w.wait(10 * time.Second)
	}
	return w
}

// TestRepeatsChangeNothing: batches sent twice, old ones sent again, and steps that were refused before they were
// accepted come to exactly the same alerts, in the same order.
func TestRepeatsChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		batches := script(rt)
		calm := run(t, batches, func(*world, [][]influx.Point) {})
		disturbed := run(t, batches, func(w *world, past [][]influx.Point) {
			w.observe(past[len(past)-1]...)
			if rapid.IntRange(0, 4).Draw(rt, "resend") > 0 {
				return
			}
			from := rapid.IntRange(0, len(past)-1).Draw(rt, "from")
			for _, old := range past[from:] {
				w.engine.Observe(old, w.now) // refused: never accepted
				w.observe(old...)
			}
			w.engine.Tick(w.now)
		})
		if a, b := said(calm.alerts), said(disturbed.alerts); !slices.Equal(a, b) {
			rt.Fatalf("said\n%v\nundisturbed\n%v", b, a)
		}
		if !maps.EqualFunc(calm.records, disturbed.records, slices.Equal) {
			rt.Fatalf("records differ:\n%s\nundisturbed\n%s", disturbed.records, calm.records)
		}
	})
}

// TestCrashesLoseAndRepeatNothing restarts the engine from its records at random points and sends a random tail of the
// past again. Events must come to exactly the same alerts; state alerts may come later, since evidence starts anew,
// but never twice, and what holds at the end must be known at the end.
func TestCrashesLoseAndRepeatNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		batches := script(rt)
		calm := run(t, batches, func(*world, [][]influx.Point) {})
		crashed := run(t, batches, func(w *world, past [][]influx.Point) {
			if rapid.IntRange(0, 9).Draw(rt, "crash") > 0 {
				return
			}
			w.restart()
			for _, old := range past[rapid.IntRange(0, len(past)-1).Draw(rt, "from"):] {
				w.observe(old...)
			}
		})
		if a, b := said(occurrences(calm.alerts)), said(occurrences(crashed.alerts)); !slices.Equal(a, b) {
			rt.Fatalf("of events said\n%v\nwithout crashes\n%v", b, a)
		}
		alternates(rt, crashed.alerts)
		for _, w := range []*world{calm, crashed} { // let evidence cover every window
			for n := range 60 {
				at := epoch.Add(15*time.Minute + time.Duration(n)*30*time.Second)
				w.observe(mem("h1", "web", 50, at), heartbeat("h1", influx.StateUp, at), probe("shop", "tokyo", true, at), probe("shop", "oregon", true, at), probe("shop", "frankfurt", true, at))
				w.wait(30 * time.Second)
			}
		}
		a, b := states(calm.firing), states(crashed.firing)
		if !slices.Equal(a, b) {
			rt.Fatalf("at the end %v fire, without crashes %v", b, a)
		}
	})
}

func occurrences(alerts []incident.Alert) []incident.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a incident.Alert) bool { return a.Kind != incident.KindOccurrence })
}

// states leaves out the objective: how much history it has seen differs after a crash, and with it its verdict.
func states(firing map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(firing)), func(key string) bool { return key == "shop-availability|shop" })
}

// alternates checks that each state alert fires and resolves in turn, a rise of severity aside.
func alternates(t *rapid.T, alerts []incident.Alert) {
	last := map[string]incident.Alert{}
	for _, a := range alerts {
		if a.Kind != incident.KindState {
			continue
		}
		before := last[a.Key]
		if a.Firing == before.Firing && a.Severity.Rank() <= before.Severity.Rank() {
			t.Fatalf("%s: firing %v said twice", a.Key, a.Firing)
		}
		if !a.Firing && !a.At.After(before.At) {
			t.Fatalf("%s: resolved at %s, not after its firing at %s", a.Key, a.At, before.At)
		}
		last[a.Key] = a
	}
}

func TestUnmatchedPointsSayNothing(t *testing.T) {
	w := newWorld(t, everyRule, shopCheck)
	s := w.engine.Observe([]influx.Point{{Measurement: "weather", Fields: []influx.Field{influx.Float("wind", 3)}}, {}}, w.now)
	if !s.Empty() {
		t.Errorf("step %+v, want nothing", s)
	}
}

func TestUnreadableRecords(t *testing.T) {
	set, err := compile(everyRule, shopCheck)
	if err != nil {
		t.Fatal(err)
	}
	stored := []rule.Record{
		{Key: "series/mem", Value: []byte("{")},
		{Key: "series/mem", Value: []byte(`{"version":2}`)},
		{Key: "container/h1/web", Value: []byte(`{"version":1,"host":"h2","name":"web"}`)},
		{Key: "container/h1/web", Value: []byte(`{"version":1,"host":"h1","name":"web","firing":"loop"}`)},
		{Key: "elsewhere", Value: []byte(`{}`)},
	}
	e := rule.NewEngine(set, stored, nil, epoch)
	if got := len(e.Unread()); got != len(stored) {
		t.Errorf("%d records unread, want %d: %v", got, len(stored), e.Unread())
	}
	if s := e.Tick(epoch); !s.Empty() {
		t.Errorf("step %+v: what cannot be read is left alone", s)
	}
}

// TestRecordsOfGoneRules are deleted, whatever they were about.
func TestRecordsOfGoneRules(t *testing.T) {
	w := newWorld(t, everyRule, oneLocation)
	w.observe(mem("h1", "web", 95, w.now), heartbeat("h1", "up", w.now), happened(t, "die exit=1", w.now), probe("shop", "tokyo", false, w.now))
	if len(w.records) != 4 {
		t.Fatalf("records %v, want 4", slices.Sorted(maps.Keys(w.records)))
	}
	set, err := compile("", "")
	if err != nil {
		t.Fatal(err)
	}
	w.set = set
	w.restart()
	w.wait(time.Second)
	if len(w.records) != 0 {
		t.Errorf("left over: %v", slices.Sorted(maps.Keys(w.records)))
	}
}

func TestForgetResolvesThresholds(t *testing.T) {
	w := newWorld(t, memRule+containerRules, "")
	w.observe(mem("h1", "web", 95, w.now), happened(t, "start", w.now))
	w.wait(time.Second)
	w.commit(w.engine.Forget("h1", w.now))
	w.expect(memFiring, memResolved)
	if len(w.records) != 0 {
		t.Errorf("left over: %v", slices.Sorted(maps.Keys(w.records)))
	}
}

func TestForgetEndsWhatFiresOfContainers(t *testing.T) {
	for _, row := range []struct {
		name         string
		events       []told
		said, hidden []string
	}{
		{"unhealthy", []told{{second: 1, text: "health_status health=unhealthy"}}, []string{"ticket resolved health|web|h1"}, nil},
		{"dead, for those who were not told", []told{{second: 1, text: "die exit=1"}}, nil, []string{diedResolved}},
		{"out of memory, for those who were not told", []told{{second: 1, text: "oom"}}, nil, []string{"ticket resolved oom|web|h1"}},
		{"unhealthy by a clock that is ahead", []told{{second: 20, text: "health_status health=unhealthy", delay: -19 * time.Second}}, []string{"ticket resolved health|web|h1"}, nil},
		{"healthy again", []told{{second: 1, text: "health_status health=unhealthy"}, {second: 2, text: "health_status health=healthy"}}, nil, nil},
		{"stopped on request", []told{{second: 1, text: "die exit=1 requested"}}, nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, containerRules, "")
			play(t, w, row.events)
			w.said()
			step := w.engine.Forget("h1", w.now)
			w.commit(step)
			w.expect(row.said...)
			if got := said(step.Hidden); !slices.Equal(got, row.hidden) {
				t.Errorf("hidden: %v, want %v", got, row.hidden)
			}
			if len(w.records) != 0 {
				t.Errorf("left over: %v", slices.Sorted(maps.Keys(w.records)))
			}
		})
	}
}

func TestForgettingAnUnknownHostIsNothing(t *testing.T) {
	for _, row := range []struct {
		name, host string
		empty      bool
	}{
		{"one that was never heard of", "h9", true},
		{"one with a threshold's samples", "h1", false},
		{"one of which only a start was told", "h2", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, memRule, "")
			started := happened(t, "start", w.now)
			for i, tag := range started.Tags {
				if tag.Key == influx.TagHost {
					started.Tags[i].Value = "h2"
				}
			}
			w.observe(mem("h1", "web", 5, w.now), started)
			if step := w.engine.Forget(row.host, w.now); step.Empty() != row.empty {
				t.Errorf("the step is empty: %t, want %t", step.Empty(), row.empty)
			}
		})
	}
}

func TestCounters(t *testing.T) {
	w := newWorld(t, everyRule, shopCheck)
	w.observe(mem("h1", "web", 5, w.now), influx.Point{Measurement: influx.ContainerEvent}, influx.Point{
		Measurement: influx.HTTPResponse, Tags: []influx.Tag{{Key: influx.TagCheck, Value: "shop"}},
	})
	w.observe(mem("h1", "web", 5, w.now))
	// What decides nothing is no mistake, and leaves nothing behind.
	for _, action := range []string{influx.ActionPause, influx.ActionUnpause, influx.ActionRename, influx.ActionGone} {
		if step := w.engine.Observe([]influx.Point{happened(t, action, w.now.Add(time.Second))}, w.now); !step.Empty() {
			t.Errorf("%s: %+v", action, step)
		}
	}
	want := rule.Counters{Late: 1, Malformed: 2}
	if got := w.engine.Counters(); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
}

func ExampleEngine() {
	set, err := compile(memRule, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	e := rule.NewEngine(set, nil, nil, epoch)
	step := e.Observe([]influx.Point{mem("h1", "web", 97.2, epoch)}, epoch)
	for _, a := range step.Alerts {
		fmt.Println(a.Summary) // and make the step durable, before
	}
	e.Accept(step)
	// Output: docker_container_mem usage_percent of web, h1 is 97.2, above 90
}
