package schedule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/checks/check"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func every(interval time.Duration, names ...string) (checks []check.Check) {
	for _, name := range names {
		checks = append(checks, check.Check{Name: name, Interval: interval})
	}
	return checks
}

// due takes what is due at now and gives back the names.
func due(p *Plan, now time.Time) (names []string) {
	for _, start := range p.Due(now) {
		names = append(names, start.Check.Name)
	}
	return names
}

func TestPlanStartsEachOncePerInterval(t *testing.T) {
	p := NewPlan("tokyo", 100)
	p.Set(every(10*time.Second, "a", "b", "c"), noon)
	starts := map[string]int{}
	for now := noon; now.Before(noon.Add(time.Minute)); {
		at, ok := p.Wake()
		if !ok {
			t.Fatal("nothing to wait for")
		}
		now = at
		for _, name := range due(p, now) {
			starts[name]++
			p.Done(name, now.Add(time.Second))
		}
	}
	for name, n := range starts {
		if n < 6 || n > 7 {
			t.Errorf("%s started %d times in a minute", name, n)
		}
	}
}

func TestPlanNoOverlap(t *testing.T) {
	p := NewPlan("tokyo", 100)
	p.Set(every(10*time.Second, "slow"), noon)
	first, _ := p.Wake()
	if got := due(p, first); len(got) != 1 {
		t.Fatalf("due %v", got)
	}
	if got := due(p, first.Add(time.Hour)); len(got) != 0 {
		t.Errorf("started again while running: %v", got)
	}
	p.Done("slow", first.Add(25*time.Second))
	if next, _ := p.Wake(); !next.Equal(first.Add(30 * time.Second)) {
		t.Errorf("next start %s after the first, expected 30s: missed ones are left out", next.Sub(first))
	}
}

func TestPlanLimit(t *testing.T) {
	p := NewPlan("tokyo", 2)
	p.Set(every(10*time.Second, "a", "b", "c"), noon)
	late := noon.Add(10 * time.Second)
	started := due(p, late)
	if len(started) != 2 {
		t.Fatalf("started %v, expected two", started)
	}
	if _, ok := p.Wake(); ok {
		t.Error("a wake-up without room")
	}
	p.Done(started[0], late.Add(5*time.Second))
	starts := p.Due(late.Add(5 * time.Second))
	if len(starts) != 1 || starts[0].Check.Name == started[1] || starts[0].Late < 5*time.Second {
		t.Errorf("with room again: %+v", starts)
	}
}

func TestPlanSet(t *testing.T) {
	p := NewPlan("tokyo", 10)
	p.Set(every(time.Minute, "stays", "goes"), noon)
	before := p.checks["stays"].due

	later := noon.Add(time.Second)
	changed := every(time.Minute, "stays", "comes")
	changed[0].URL = "http://new.example"
	p.Set(changed, later)
	if got := p.checks["stays"]; !got.due.Equal(before) || got.check.URL != "http://new.example" {
		t.Errorf("due %s, URL %q; a check keeps its start and gets its new content", got.due, got.check.URL)
	}
	if p.checks["goes"] != nil || p.checks["comes"] == nil || p.Len() != 2 || len(p.waiting) != 2 {
		t.Errorf("checks %v", p.checks)
	}

	p.Set(every(2*time.Minute, "stays"), later)
	if got, want := p.checks["stays"].due, Next(later, 2*time.Minute, Phase("stays", "tokyo", 2*time.Minute)); !got.Equal(want) {
		t.Errorf("another interval: due %s, expected %s", got, want)
	}
}

func TestPlanSetWhileRunning(t *testing.T) {
	p := NewPlan("tokyo", 10)
	p.Set(every(10*time.Second, "a"), noon)
	now := noon.Add(10 * time.Second)
	due(p, now)

	p.Set(nil, now)
	p.Set(every(10*time.Second, "a"), now) // comes back before its request has ended
	if got := due(p, now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("overlaps itself: %v", got)
	}
	p.Done("a", now)
	if p.Len() != 1 || len(p.waiting) != 1 {
		t.Errorf("%d checks, %d waiting; it is in the file", p.Len(), len(p.waiting))
	}

	due(p, now.Add(10*time.Second))
	p.Set(nil, now)
	p.Done("a", now.Add(11*time.Second))
	if p.Len() != 0 || p.running != 0 {
		t.Errorf("%d checks, %d running; it is gone", p.Len(), p.running)
	}
	p.Done("a", now) // of a check nobody knows any more: no harm
}

// Whatever happens in whatever order: no check runs twice at once, the limit holds, and nothing is lost.
func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		p := NewPlan("tokyo", limit)
		now := noon
		running, inFile := map[string]bool{}, map[string]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 90_000).Draw(t, "ms")) * time.Millisecond)
				for _, name := range due(p, now) {
					if running[name] || !inFile[name] {
						t.Fatalf("%s started; running %v, in file %v", name, running[name], inFile[name])
					}
					running[name] = true
				}
			},
			"a request ends": func(t *rapid.T) {
				for name := range running {
					p.Done(name, now)
					delete(running, name)
					break
				}
			},
			"the file changes": func(t *rapid.T) {
				clear(inFile)
				var checks []check.Check
				for i := range 6 {
					if rapid.Bool().Draw(t, "in") {
						name := fmt.Sprintf("c%d", i)
						inFile[name] = true
						checks = append(checks, every(time.Duration(rapid.IntRange(1, 60).Draw(t, "s"))*time.Second, name)...)
					}
				}
				p.Set(checks, now)
			},
			"": func(t *rapid.T) {
				if len(running) > limit || p.running != len(running) {
					t.Fatalf("%d running, plan says %d, limit %d", len(running), p.running, limit)
				}
				for name := range inFile {
					if it := p.checks[name]; it == nil || !running[name] && it.due.After(now.Add(it.check.Interval)) {
						t.Fatalf("%s is lost: %+v", name, it)
					}
				}
			},
		})
	})
}
