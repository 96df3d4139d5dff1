package event

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/internal/docker"
)

func TestMissed(t *testing.T) {
	// The stream was away from 0 to 10 s; the container ended at 5 s.
	ended := func(at int) docker.Container {
		c := web()
		c.FinishedAt, c.ExitCode = start().Add(ms(at)), 3
		return c
	}
	// It may have begun before that end, or again after it.
	begun := func(at int, c docker.Container) docker.Container {
		c.StartedAt = start().Add(ms(at))
		if c.FinishedAt.Before(c.StartedAt) {
			c.Status, c.PID, c.ExitCode = "running", 1, 0
		}
		return c
	}
	back := start().Add(10 * time.Second)
	tests := []struct {
		name  string
		found docker.Container
		steps []step
		want  []string
	}{
		{"no event comes", ended(5000), nil, []string{"12000 die 3"}},
		{"never ended", web(), nil, nil},
		{"ended while events were seen", ended(0), nil, nil},
		{"the backlog has it", ended(5000), []step{{5020, docker.ActionDie, web(), 5000}}, nil},
		{"the backlog has an earlier death only", ended(5000), []step{{1000, docker.ActionDie, web(), 9000}}, []string{"12000 die 3"}},
		{"the backlog has a start before it", ended(5000), []step{{4000, docker.ActionStart, web(), 6100}}, []string{"12000 die 3"}},
		{"started again before it could be told", ended(5000), []step{{10500, docker.ActionStart, web(), 0}}, []string{"10500 die 3"}},
		{"no start comes", begun(4000, web()), nil, []string{"12000 start 0"}},
		{"started while events were seen", begun(0, web()), nil, nil},
		{"the backlog has the start", begun(4000, web()), []step{{4010, docker.ActionStart, web(), 6000}}, nil},
		{"the backlog has the start of an earlier life", begun(4000, web()), []step{{1000, docker.ActionStart, web(), 9000}}, []string{"12000 start 0"}},
		{"a life that nobody saw", begun(4000, ended(5000)), nil, []string{"12000 start 0", "12000 die 3"}},
		{"a life of which the backlog has the end", begun(4000, ended(5000)), []step{{5020, docker.ActionDie, web(), 5000}}, []string{"10020 start 0"}},
		{"a life of which the backlog has the start", begun(4000, ended(5000)), []step{{4010, docker.ActionStart, web(), 6000}}, []string{"12000 die 3"}},
		{"a life of which the backlog has all", begun(4000, ended(5000)), []step{{4010, docker.ActionStart, web(), 6000}, {5020, docker.ActionDie, web(), 5000}}, nil},
		{"restarted, and nobody saw it", begun(6000, ended(5000)), nil, []string{"12000 die 255", "12000 start 0"}},
		{"restarted, and the backlog has the start", begun(6000, ended(5000)), []step{{6010, docker.ActionStart, web(), 4000}}, []string{"10010 die 255"}},
		{"restarted, and the backlog has the end", begun(6000, ended(5000)), []step{{5010, docker.ActionDie, web(), 5000}}, []string{"12000 start 0"}},
		{"a life that nobody saw, and the next begins", begun(4000, ended(5000)), []step{{10500, docker.ActionStart, web(), 0}}, []string{"10500 start 0", "10500 die 3"}},
		{"a short life whose start Docker tells after its end", begun(4000, ended(4005)), []step{{4008, docker.ActionStart, web(), 6000}, {4020, docker.ActionDie, web(), 6000}}, nil},
		{"what is neither start nor die says nothing", begun(4000, web()), []step{{4500, docker.ActionHealth, web(), 5500}}, []string{"12000 start 0"}},
		{"removed before it could be told", ended(5000), []step{{10500, docker.ActionDestroy, web(), 0}}, []string{"10500 die 3"}},
		{"another container's die", ended(5000), []step{{5020, docker.ActionDie, rm(), 5000}}, []string{"12000 die 3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMissed()
			m.Suspect(tt.found, Life{Began: start(), Ended: start()}, back)
			var told []string
			say := func(e Event, now time.Time) {
				told = append(told, fmt.Sprintf("%d %s %d", now.Sub(start()).Milliseconds(), e.Action, e.ExitCode))
			}
			for _, s := range tt.steps {
				now := start().Add(ms(s.at + s.late))
				lost, _ := m.Observe(s.event().Event)
				for _, e := range lost {
					say(e, now)
				}
			}
			if next := m.Next(); !next.IsZero() {
				if early := m.Expire(next.Add(-1)); len(early) > 0 {
					t.Errorf("told too early: %+v", early)
				}
				for _, e := range m.Expire(next) {
					say(e, next)
				}
			}
			if diff := cmp.Diff(tt.want, told); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(m.pending) > 0 {
				t.Errorf("still pending: %v", m.pending)
			}
		})
	}
}

// What is known of a life, and what an inspect says of it afterwards.
func TestSuspect(t *testing.T) {
	at := func(s int) time.Time { return start().Add(time.Duration(s) * time.Second) }
	tests := []struct {
		name         string
		known        Life
		began, ended time.Time
		want         string
	}{
		{"nothing is known", Life{}, at(1), at(2), "[start die]"},
		{"all is known", Life{Began: at(1), Ended: at(2)}, at(1), at(2), "[]"},
		{"Docker tells later than it notes", Life{Began: at(1).Add(ms(5)), Ended: at(2).Add(ms(5))}, at(1), at(2), "[]"},
		{"its end is not", Life{Began: at(1)}, at(1), at(2), "[die]"},
		{"it runs, as is known", Life{Began: at(1)}, at(1), time.Time{}, "[]"},
		{"it runs again", Life{Began: at(1), Ended: at(2)}, at(3), at(2), "[start]"},
		{"it ended and runs again", Life{Began: at(1)}, at(3), at(2), "[die start]"},
		{"another life", Life{Began: at(1), Ended: at(2)}, at(3), at(4), "[start die]"},
		{"a killed Docker notes the known end a second time", Life{Began: at(1), Ended: at(2)}, at(1), at(5), "[]"},
		{"known until a time alone, and ended after it", Life{Began: at(3), Ended: at(3)}, at(1), at(5), "[die]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := web()
			c.StartedAt, c.FinishedAt = tt.began, tt.ended
			m := NewMissed()
			m.Suspect(c, tt.known, at(10))
			actions := []string{}
			for _, e := range m.Expire(at(20)) {
				actions = append(actions, e.Action)
			}
			if got := fmt.Sprint(actions); got != tt.want {
				t.Errorf("found %s, expected %s", got, tt.want)
			}
		})
	}
}

// An engine shows the last life of a container alone: what a look before has found of another one is not forgotten, and nothing is told twice.
func TestSuspectAgain(t *testing.T) {
	at := func(s int) time.Time { return start().Add(time.Duration(s) * time.Second) }
	type look struct{ began, ended int } // seconds
	for _, tt := range []struct {
		name  string
		looks []look
		want  string
	}{
		{"the same again", []look{{3, 2}, {3, 2}}, "[die 2 255 start 3 0]"},
		{"it has ended since", []look{{3, 2}, {3, 4}}, "[die 2 255 start 3 0 die 4 7]"},
		{"and has begun again", []look{{3, 2}, {5, 4}}, "[die 2 255 start 3 0 die 4 255 start 5 0]"},
		{"and has begun again after a look at its end", []look{{3, 4}, {5, 4}}, "[start 3 0 die 4 7 start 5 0]"},
		{"its end is noted anew", []look{{1, 3}, {1, 2}}, "[die 2 7]"},
	} {
		m := NewMissed()
		for _, l := range tt.looks {
			c := web()
			c.StartedAt, c.FinishedAt = at(l.began), at(l.ended)
			if c.ExitCode = 7; l.ended < l.began { // the engine has forgotten how
				c.Status, c.PID, c.ExitCode = "running", 1, 0
			}
			m.Suspect(c, Life{Began: at(1)}, at(10))
		}
		told := []string{}
		for _, e := range m.Expire(at(20)) {
			told = append(told, fmt.Sprint(e.Action, " ", int(e.At.Sub(start()).Seconds()), " ", e.ExitCode))
		}
		if got := fmt.Sprint(told); got != tt.want {
			t.Errorf("%s: found %s, expected %s", tt.name, got, tt.want)
		}
	}
}

// What an agent has found and not told, the next one tells, unless it was told; whatever the engine shows by then.
func TestRestore(t *testing.T) {
	at := func(s int) time.Time { return start().Add(time.Duration(s) * time.Second) }
	c := web()
	c.StartedAt, c.FinishedAt, c.ExitCode, c.OOMKilled = at(3), at(4), 7, true
	killed := NewMissed()
	killed.Suspect(c, Life{Began: at(1), Ended: at(2)}, at(10))
	s := killed.Suspicion(c.ID)
	if len(killed.Suspicions()) != 1 || len(s.Lost) != 2 || len(killed.Suspicion("another").Lost) != 0 {
		t.Fatalf("suspected: %+v", killed.Suspicions())
	}
	later := web()
	later.StartedAt, later.FinishedAt = at(9), at(8) // the engine has overwritten it twice
	later.Status, later.PID, later.OOMKilled = "running", 1, true
	unheard := later
	unheard.RestartPolicy = "" // it has not answered
	for _, tt := range []struct {
		name  string
		known Life
		want  string
	}{
		{"nothing of it was told", Life{Began: at(1), Ended: at(2)}, "[start 3 0 die 4 7 1s oom]"},
		{"its start was told", Life{Began: at(3), Ended: at(2)}, "[die 4 7 1s oom]"},
		{"all was told", Life{Began: at(3), Ended: at(4)}, "[]"},
	} {
		m := NewMissed()
		m.Restore(docker.Container{ID: c.ID, Name: s.Name, Image: s.Image}, s, tt.known, at(20))
		if got := restored(m, at(22)); got != tt.want {
			t.Errorf("removed, and %s: found %s, expected %s", tt.name, got, tt.want)
		}
	}
	for name, now := range map[string]docker.Container{"lives again": later, "is not answered about": unheard} {
		m := NewMissed()
		m.Restore(now, s, Life{Began: at(1), Ended: at(2)}, at(20))
		m.Suspect(now, Life{Began: at(1), Ended: at(2)}, at(20))
		want := "[start 3 0 die 4 7 1s oom die 8 255 start 9 0]"
		if !now.Known() {
			want = "[start 3 0 die 4 7 1s oom]"
		}
		if got := restored(m, at(22)); got != want {
			t.Errorf("it %s: found %s, expected %s", name, got, want)
		}
	}
}

// restored are the times and codes of what is told at last, how long who died had lived, and whether for want of memory.
func restored(m *Missed, now time.Time) string {
	told := []string{}
	for _, e := range m.Expire(now) {
		text := fmt.Sprint(e.Action, " ", int(e.At.Sub(start()).Seconds()), " ", e.ExitCode)
		if lived, ok := e.Lifetime(); ok && e.Action == docker.ActionDie {
			text += fmt.Sprint(" ", lived)
		}
		if e.Action == docker.ActionDie && e.Container.OOMKilled {
			text += " oom"
		}
		told = append(told, text)
	}
	return fmt.Sprint(told)
}

// Whether the engine has forgotten how a life ended its state says: a clock that was put back makes the times say something else.
func TestSuspectAfterTheClockWasPutBack(t *testing.T) {
	at := func(s int) time.Time { return start().Add(time.Duration(s) * time.Second) }
	for name, tt := range map[string]struct {
		status       string
		pid          int
		began, ended time.Time
		want         string
	}{
		"within its life":  {"exited", 0, at(100), at(50), "[die 50 7 oom start 100 0]"},
		"between two":      {"running", 1, at(50), at(100), "[start 50 0 die 100 255]"},
		"and it restarts":  {"restarting", 0, at(100), at(50), "[die 50 7 oom start 100 0]"},
		"while it is held": {"paused", 1, at(50), at(100), "[start 50 0 die 100 255]"},
	} {
		c := web()
		c.Status, c.PID, c.StartedAt, c.FinishedAt, c.ExitCode, c.OOMKilled = tt.status, tt.pid, tt.began, tt.ended, 7, true
		m := NewMissed()
		m.Suspect(c, Life{Began: at(1)}, at(10))
		got := strings.ReplaceAll(restored(m, at(20)), " 50s", "")
		if got != tt.want {
			t.Errorf("%s: found %s, expected %s", name, got, tt.want)
		}
	}
}

// What was suspected and comes after all is owed, however old it is.
func TestOwed(t *testing.T) {
	c := web()
	c.FinishedAt = start().Add(ms(5000))
	for at, want := range map[int]bool{5003: true, 1000: false} {
		m := NewMissed()
		m.Suspect(c, Life{Began: start(), Ended: start()}, start())
		if _, owed := m.Observe(step{at, docker.ActionDie, web(), 0}.event().Event); owed != want {
			t.Errorf("a death at %d ms: owed is %v, expected %v", at, owed, want)
		}
	}
	if _, owed := NewMissed().Observe(step{5003, docker.ActionDie, web(), 0}.event().Event); owed {
		t.Error("what nobody suspected is owed")
	}
}

// A stream that begins anew all the time puts nothing off for ever, and what is told is in the order of its times, also of two containers.
func TestSuspectedForLongEnough(t *testing.T) {
	at := func(s int) time.Time { return start().Add(time.Duration(s) * time.Second) }
	m := NewMissed()
	older, newer := web(), web()
	older.ID, newer.ID = "older", "newer"
	older.StartedAt, older.FinishedAt, older.ExitCode = at(1), at(2), 7
	newer.StartedAt = at(3)
	now := at(10)
	for ; now.Before(at(60)); now = now.Add(time.Second) {
		m.Suspect(newer, Life{}, now)
		m.Suspect(older, Life{Began: at(1)}, now)
		if told := restored(m, now); told != "[]" {
			if told != "[die 2 7 1s start 3 0]" {
				t.Errorf("found %s", told)
			}
			break
		}
	}
	if waited := now.Sub(at(10)); waited != mostMissed {
		t.Errorf("it waited %s, expected %s", waited, mostMissed)
	}
}

// What the ledger has is as precise as what is told.
func TestSuspicions(t *testing.T) {
	at := func(s float64) time.Time { return start().Add(time.Duration(s * float64(time.Second))) }
	lost := func(action string, when, began float64) Lost {
		return Lost{Action: action, At: at(when), Started: at(began)}
	}
	loop := Suspicion{Lost: []Lost{
		lost(docker.ActionDie, 2, 1), lost(docker.ActionStart, 2.1, 2.1),
		lost(docker.ActionDie, 3, 2.1), lost(docker.ActionStart, 3.4, 3.4),
	}}
	die := Event{Event: docker.Event{Action: docker.ActionDie, At: at(2)}, Found: true}
	if got := loop.Without(die).Lost; len(got) != 3 || !got[1].At.Equal(at(3)) {
		t.Errorf("of a crash loop, whose first death is told, there is left %v", got)
	}
	die.Found, die.At = false, at(2.99) // the engine tells another time than it shows
	if got := loop.Without(die).Lost; len(got) != 2 || got[0].Action != docker.ActionStart {
		t.Errorf("of a crash loop, whose second death the engine told, there is left %v", got)
	}
	if got := loop.With(Suspicion{}).Lost; len(got) != 4 {
		t.Errorf("nothing new, and there is left %v", got)
	}
	noted := Suspicion{Lost: []Lost{lost(docker.ActionDie, 5, 1)}}
	if got := (Suspicion{Lost: []Lost{lost(docker.ActionDie, 2, 1)}}).With(noted).Lost; len(got) != 1 || !got[0].At.Equal(at(5)) {
		t.Errorf("of an end that a killed engine has noted anew: %v", got)
	}
	if got := loop.With(Suspicion{Lost: []Lost{lost(docker.ActionDie, 5, 3.4)}}).Lost; len(got) != 4 || got[0].At != at(2) || got[3].At != at(5) {
		t.Errorf("of a crash loop that went on: %v", got)
	}
}

// That a container is gone says less than how it ended.
func TestGoneAfterItsEndWasSuspected(t *testing.T) {
	c := web()
	c.FinishedAt, c.ExitCode = start().Add(time.Second), 7
	m := NewMissed()
	m.Suspect(c, Life{Began: start()}, start())
	m.SuspectGone(c, start(), start())
	if lost := m.Expire(start().Add(missedAfter)); len(lost) != 1 || lost[0].Action != docker.ActionDie || lost[0].ExitCode != 7 {
		t.Errorf("found %+v, expected its death", lost)
	}
	m.SuspectGone(c, start(), start())
	if s := m.Suspicions(); s != nil {
		t.Errorf("that it is gone is suspected over a restart: %+v", s)
	}
	if lost := m.Expire(start().Add(missedAfter)); len(lost) != 1 || lost[0].Action != docker.ActionGone {
		t.Errorf("found %+v, expected that it is gone", lost)
	}
}

// A container that is gone had begun unseen; its end is that it is gone, unless the engine tells it.
func TestGoneAfterItsStartWasSuspected(t *testing.T) {
	for name, tt := range map[string]struct {
		steps []step
		want  string
	}{
		"no event comes":     {nil, "[] [start 1 gone 3]"},
		"its start comes":    {[]step{{1010, docker.ActionStart, web(), 0}}, "[] [gone 3]"},
		"its end comes":      {[]step{{2000, docker.ActionDie, web(), 0}}, "[start] []"},
		"its removal comes":  {[]step{{2000, docker.ActionDestroy, web(), 0}}, "[start] []"},
		"all of that comes":  {[]step{{1010, docker.ActionStart, web(), 0}, {2000, docker.ActionDie, web(), 0}}, "[] []"},
		"something of it is": {[]step{{2000, docker.ActionKill, web(), 0}}, "[] [start 1 gone 3]"},
	} {
		c := web()
		c.Status, c.PID, c.StartedAt = "running", 1, start().Add(ms(1000))
		m := NewMissed()
		m.Suspect(c, Life{}, start())
		if !m.Begun(c.ID) {
			t.Errorf("%s: it is not said to have begun", name)
		}
		for range 2 { // each list
			m.SuspectGone(c, start().Add(ms(3000)), start())
		}
		if m.Begun(c.ID) {
			t.Errorf("%s: it is gone, and said to have begun", name)
		}
		first := []string{}
		for _, s := range tt.steps {
			lost, _ := m.Observe(s.event().Event)
			for _, e := range lost {
				first = append(first, e.Action)
			}
		}
		last := []string{}
		for _, e := range m.Expire(start().Add(missedAfter)) {
			last = append(last, fmt.Sprint(e.Action, " ", int(e.At.Sub(start()).Seconds())))
		}
		if got := fmt.Sprint(first, " ", last); got != tt.want {
			t.Errorf("%s: found %s, expected %s", name, got, tt.want)
		}
	}
}

func TestSeen(t *testing.T) {
	s := NewSeen()
	one := docker.Event{ID: "a", Action: docker.ActionDie, At: start()}
	other := docker.Event{ID: "a", Action: docker.ActionStop, At: start()}
	another := docker.Event{ID: "c", Action: docker.ActionDie, At: start()}
	later := docker.Event{ID: "a", Action: docker.ActionDie, At: start().Add(1)}
	for _, e := range []docker.Event{one, other, another, later} {
		if !s.First(e) {
			t.Errorf("%s of %s at %s is not told: another container, action or time is another event", e.Action, e.ID, e.At)
		}
		if s.First(e) {
			t.Errorf("%s of %s at %s is told twice", e.Action, e.ID, e.At)
		}
	}
	for i := range remembered {
		s.First(docker.Event{ID: "b", Action: docker.ActionOOM, At: start().Add(ms(i))})
	}
	if len(s.known) != remembered {
		t.Errorf("remembers %d events, expected %d", len(s.known), remembered)
	}
	if !s.First(one) {
		t.Error("the oldest is still remembered")
	}
}

func TestOldest(t *testing.T) {
	j, m := NewJudge(), NewMissed()
	if !j.Oldest().IsZero() || !m.Oldest().IsZero() {
		t.Error("who knows nothing waits for something")
	}
	for i, c := range []docker.Container{web(), rm()} {
		j.Observe(step{i, docker.ActionKill, c, 0}.event(), start())
		j.Observe(step{10 + i, docker.ActionDie, c, 0}.event(), start())
		c.FinishedAt = start().Add(ms(20 - i))
		m.Suspect(c, Life{Began: start(), Ended: start()}, start())
	}
	if got := j.Oldest(); !got.Equal(start().Add(ms(10))) {
		t.Errorf("the oldest held death is of %v", got)
	}
	if got := m.Oldest(); !got.Equal(start().Add(ms(19))) {
		t.Errorf("the oldest suspected death is of %v", got)
	}
	j.Expire(start().Add(HoldFor))
	m.Expire(start().Add(missedAfter))
	if !j.Oldest().IsZero() || !m.Oldest().IsZero() {
		t.Error("what is told still counts")
	}
}
