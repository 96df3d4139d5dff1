package event

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nezuban/agent/internal/docker"
)

// start is when every test begins.
func start() time.Time { return time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC) }

// web and its kin are containers by how they are started.
func web() docker.Container { return docker.Container{ID: "web", Name: "web", RestartPolicy: "no"} }

func rm() docker.Container {
	return docker.Container{ID: "rm", Name: "rm", RestartPolicy: "no", AutoRemove: true}
}
func unknown() docker.Container { return docker.Container{ID: "gone", Name: "gone"} }

// step is an event at so many ms after the start, which arrives late ms after that.
type step struct {
	at        int
	action    string
	container docker.Container
	late      int
}

func (s step) event() Event {
	return Event{
		Event:     docker.Event{ID: s.container.ID, Name: s.container.Name, Action: s.action, At: start().Add(ms(s.at))},
		Container: s.container,
	}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// play feeds the steps on one clock and tells what came out, when.
func play(steps []step) []string {
	j := NewJudge()
	var told []string
	say := func(events []Event, now time.Time) {
		for _, e := range events {
			text := fmt.Sprintf("%d %s %s", now.Sub(start()).Milliseconds(), e.Container.ID, e.Action)
			if e.Action == docker.ActionDie {
				text += fmt.Sprintf(" requested=%v", e.Requested)
			}
			told = append(told, text)
		}
	}
	until := func(now time.Time) {
		for next := j.Next(); !next.IsZero() && !next.After(now); next = j.Next() {
			say(j.Expire(next), next)
		}
	}
	for _, s := range steps {
		now := start().Add(ms(s.at + s.late))
		until(now)
		say(j.Observe(s.event(), now), now)
	}
	until(start().Add(24 * time.Hour))
	return told
}

func TestJudge(t *testing.T) {
	const kill, die, stop, destroy, begin, oom = docker.ActionKill, docker.ActionDie, docker.ActionStop, docker.ActionDestroy, docker.ActionStart, docker.ActionOOM
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{
			"docker stop of a process deaf to TERM, as recorded",
			[]step{{0, kill, web(), 0}, {10001, kill, web(), 0}, {10040, die, web(), 0}, {10054, stop, web(), 0}},
			[]string{"0 web kill", "10001 web kill", "10054 web die requested=true", "10054 web stop"},
		},
		{
			"docker stop with a grace period of minutes",
			[]step{{0, kill, web(), 0}, {290000, die, web(), 0}, {290014, stop, web(), 0}},
			[]string{"0 web kill", "290014 web die requested=true", "290014 web stop"},
		},
		{
			"docker rm -f, as recorded",
			[]step{{0, kill, web(), 0}, {60, die, web(), 0}, {75, destroy, web(), 0}},
			[]string{"0 web kill", "75 web die requested=true", "75 web destroy"},
		},
		{
			"docker rm -f under load",
			[]step{{0, kill, web(), 0}, {60, die, web(), 0}, {660, destroy, web(), 0}},
			[]string{"0 web kill", "660 web die requested=true", "660 web destroy"},
		},
		{
			"docker kill alone",
			[]step{{0, kill, web(), 0}, {40, die, web(), 0}},
			[]string{"0 web kill", "1040 web die requested=false"},
		},
		{
			"docker kill, removed later",
			[]step{{0, kill, web(), 0}, {40, die, web(), 0}, {1041, destroy, web(), 0}},
			[]string{"0 web kill", "1040 web die requested=false", "1041 web destroy"},
		},
		{
			"a crash is never held",
			[]step{{0, die, web(), 0}},
			[]string{"0 web die requested=false"},
		},
		{
			"a crash is not made requested by destroy",
			[]step{{0, die, web(), 0}, {15, destroy, web(), 0}},
			[]string{"0 web die requested=false", "15 web destroy"},
		},
		{
			"a crash under --rm, as recorded",
			[]step{{0, die, rm(), 0}, {54, destroy, rm(), 0}},
			[]string{"0 rm die requested=false", "54 rm destroy"},
		},
		{
			"docker kill under --rm",
			[]step{{0, kill, rm(), 0}, {40, die, rm(), 0}, {94, destroy, rm(), 0}},
			[]string{"0 rm kill", "1040 rm die requested=false", "1040 rm destroy"},
		},
		{
			"docker stop under --rm, destroyed before the stop is told",
			[]step{{0, kill, rm(), 0}, {40, die, rm(), 0}, {54, destroy, rm(), 0}, {60, stop, rm(), 0}},
			[]string{"0 rm kill", "60 rm die requested=true", "60 rm destroy", "60 rm stop"},
		},
		{
			"gone before it was inspected: a destroy proves nothing",
			[]step{{0, kill, unknown(), 0}, {40, die, unknown(), 0}, {50, destroy, unknown(), 0}},
			[]string{"0 gone kill", "1040 gone die requested=false", "1040 gone destroy"},
		},
		{
			"docker restart",
			[]step{{0, kill, web(), 0}, {40, die, web(), 0}, {55, stop, web(), 0}, {400, begin, web(), 0}},
			[]string{"0 web kill", "55 web die requested=true", "55 web stop", "400 web start"},
		},
		{
			"killed from within docker and started again keeps its order",
			[]step{{0, kill, web(), 0}, {40, die, web(), 0}, {400, begin, web(), 0}},
			[]string{"0 web kill", "400 web die requested=false", "400 web start"},
		},
		{
			"a stop more than a second behind the die",
			[]step{{0, kill, web(), 0}, {40, die, web(), 0}, {1041, stop, web(), 0}},
			[]string{"0 web kill", "1040 web die requested=false", "1041 web stop"},
		},
		{
			"a stop that arrives in time but happened too late",
			[]step{{0, kill, web(), 2000}, {40, die, web(), 2000}, {1050, stop, web(), 1000}},
			[]string{"2000 web kill", "2050 web die requested=false", "2050 web stop"},
		},
		{
			"backlog arrives at once",
			[]step{{0, kill, web(), 60000}, {40, die, web(), 59960}, {54, stop, web(), 59946}},
			[]string{"60000 web kill", "60000 web die requested=true", "60000 web stop"},
		},
		{
			"the stop overtakes the die",
			[]step{{0, kill, web(), 0}, {39, stop, web(), 0}, {40, die, web(), 0}},
			[]string{"0 web kill", "39 web stop", "40 web die requested=true"},
		},
		{
			"an old reload signal does not make a cleaned-up crash requested",
			[]step{{0, kill, web(), 0}, {60000, die, web(), 0}, {60500, destroy, web(), 0}},
			[]string{"0 web kill", "61000 web die requested=false", "61000 web destroy"},
		},
		{
			"a reload signal of an earlier life",
			[]step{{0, kill, web(), 0}, {10, begin, web(), 0}, {20, die, web(), 0}},
			[]string{"0 web kill", "10 web start", "20 web die requested=false"},
		},
		{
			"what follows a held die waits behind it",
			[]step{{0, kill, web(), 0}, {40, die, web(), 0}, {45, oom, web(), 0}, {54, stop, web(), 0}},
			[]string{"0 web kill", "54 web die requested=true", "54 web oom", "54 web stop"},
		},
		{
			"others go by",
			[]step{{0, kill, web(), 0}, {40, die, web(), 0}, {45, die, rm(), 0}, {54, stop, web(), 0}},
			[]string{"0 web kill", "45 rm die requested=false", "54 web die requested=true", "54 web stop"},
		},
		{
			"a new container of the same name waits for no one",
			[]step{{0, kill, rm(), 0}, {40, die, rm(), 0}, {94, destroy, rm(), 0}, {300, begin, docker.Container{ID: "new", Name: "rm"}, 0}},
			[]string{"0 rm kill", "300 rm die requested=false", "300 rm destroy", "300 new start"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, play(tt.steps)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever happens to whichever containers in whichever order: every event is
// told once, those of one container in their order, crashes at once, and no
// death is held for more than HoldFor.
func TestJudgeKeepsItsPromises(t *testing.T) {
	actions := []string{
		docker.ActionStart, docker.ActionDie, docker.ActionOOM, docker.ActionHealth,
		docker.ActionKill, docker.ActionStop, docker.ActionDestroy,
	}
	rapid.Check(t, func(t *rapid.T) {
		containers := []docker.Container{web(), rm(), unknown(), {ID: "namesake", Name: "web", RestartPolicy: "always"}}
		j := NewJudge()
		now := start()
		fed := make(map[string][]Event)
		told := make(map[string][]Event)
		arrived := make(map[string]time.Time)
		key := func(e Event) string { return fmt.Sprint(e.ID, e.At.UnixNano()) }
		say := func(events []Event) {
			for _, e := range events {
				told[e.ID] = append(told[e.ID], e)
				if held := now.Sub(arrived[key(e)]); held > HoldFor {
					t.Fatalf("%s of %s was held for %s", e.Action, e.ID, held)
				}
				if e.Requested && e.Action != docker.ActionDie {
					t.Fatalf("a %s is requested", e.Action)
				}
			}
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms"))*time.Millisecond + time.Duration(i+1))
			arrival := now
			for next := j.Next(); !next.IsZero() && !next.After(arrival); next = j.Next() {
				now = next
				say(j.Expire(now))
			}
			now = arrival
			c := rapid.SampledFrom(containers).Draw(t, "container")
			e := Event{
				Event:     docker.Event{ID: c.ID, Name: c.Name, Action: rapid.SampledFrom(actions).Draw(t, "action"), At: now},
				Container: c,
			}
			arrived[key(e)] = now
			killed := killedBefore(fed[c.ID])
			fed[c.ID] = append(fed[c.ID], e)
			out := j.Observe(e, now)
			say(out)
			if e.Action == docker.ActionDie && !killed && (len(out) == 0 || out[len(out)-1].At != e.At || out[len(out)-1].Requested) {
				t.Fatalf("a crash of %s was held or called requested: %+v", c.ID, out)
			}
		}
		for next := j.Next(); !next.IsZero(); next = j.Next() {
			now = next
			say(j.Expire(now))
		}
		for id, events := range fed {
			if diff := cmp.Diff(summary(events), summary(told[id])); diff != "" {
				t.Fatalf("%s (-fed +told):\n%s", id, diff)
			}
			for _, e := range told[id] {
				if e.Requested && !explained(e, events) {
					t.Fatalf("the die of %s at %s is requested, and nobody asked for it: %s", id, e.At, summary(events))
				}
			}
		}
	})
}

// killedBefore says whether the next die may be one that somebody asked for:
// a kill came, and neither a die nor a start nor a destroy after it.
func killedBefore(events []Event) bool {
	killed := false
	for _, e := range events {
		switch e.Action {
		case docker.ActionKill:
			killed = true
		case docker.ActionDie, docker.ActionStart, docker.ActionDestroy:
			killed = false
		}
	}
	return killed
}

// explained is the rule of requested, written the other way around: by looking
// at all that happened.
func explained(die Event, events []Event) bool {
	kill, reason := false, false
	for _, e := range events {
		if e.Action == docker.ActionKill && e.At.Before(die.At) {
			kill = true
		}
		near := e.At.Sub(die.At).Abs() <= HoldFor
		if near && (e.Action == docker.ActionStop || e.Action == docker.ActionDestroy && e.At.After(die.At) && !e.autoRemoves()) {
			reason = true
		}
	}
	return kill && reason
}

func summary(events []Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s@%d ", e.Action, e.At.UnixNano())
	}
	return b.String()
}

func TestJudgeForgets(t *testing.T) {
	j := NewJudge()
	for _, id := range []string{"a", "b", "c"} {
		j.Observe(step{0, docker.ActionKill, docker.Container{ID: id, RestartPolicy: "no"}, 0}.event(), start())
	}
	j.Observe(step{1, docker.ActionDestroy, docker.Container{ID: "a", RestartPolicy: "no"}, 0}.event(), start())
	j.Observe(step{1, docker.ActionDie, docker.Container{ID: "b", RestartPolicy: "no"}, 0}.event(), start())
	j.Keep(func(string) bool { return false })
	if _, held := j.killed["b"]; !held || len(j.killed) != 1 {
		t.Errorf("remembers %v, expected only what is held", j.killed)
	}
	j.Expire(start().Add(HoldFor))
	if len(j.killed) != 0 || !j.Next().IsZero() {
		t.Errorf("remembers %v", j.killed)
	}
}

func TestEventsBehindAHeldDieAreBounded(t *testing.T) {
	j := NewJudge()
	j.Observe(step{0, docker.ActionKill, web(), 0}.event(), start())
	j.Observe(step{1, docker.ActionDie, web(), 0}.event(), start())
	told := 0
	for i := range maxBehind + 1 {
		told += len(j.Observe(step{2 + i, docker.ActionHealth, web(), 0}.event(), start()))
	}
	if want := 1 + maxBehind + 1; told != want {
		t.Errorf("%d events told, expected %d", told, want)
	}
}
