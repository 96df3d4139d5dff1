package app

import (
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
)

func TestAgenda(t *testing.T) {
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var a agenda
	if got := a.next(at(5000)); !got.Equal(at(5000)) || len(a.due(at(9000))) > 0 {
		t.Errorf("an empty agenda has something at %v", got)
	}
	a.begins(docker.Life{ID: "a", Started: start}, at(30))
	a.begins(docker.Life{ID: "b", Started: at(100)}, at(160)) // its first look is over
	a.begins(docker.Life{ID: "old", Started: start.Add(-time.Hour)}, at(160))
	var got []string
	for now := start; len(a.looks) > 0; {
		next := a.next(at(9000))
		if !next.After(now) {
			t.Fatalf("it goes back to %v", next)
		}
		now = next
		for _, l := range a.due(now) {
			got = append(got, l.ID+" "+now.Sub(start).String())
		}
	}
	want := []string{"a 50ms", "a 200ms", "b 300ms", "a 1s", "b 1.1s"}
	if len(got) != len(want) {
		t.Fatalf("found %q, expected %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("found %q, expected %q", got, want)
		}
	}
	a.begins(docker.Life{ID: "c", Started: start}, start)
	if got := a.next(at(20)); !got.Equal(at(20)) || len(a.due(at(500))) != 2 {
		t.Errorf("a tick at 20 ms comes at %v", got)
	}
}

// Ticks are whole multiples of the interval, and none is waited for longer than that, whatever is done to the clock.
func TestTicks(t *testing.T) {
	s := &sampler{interval: 10 * time.Second}
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	at := s.tickAfter(start.Add(3 * time.Second))
	for _, row := range []struct {
		name      string
		now, want time.Duration
	}{
		{"it comes", 4 * time.Second, 10 * time.Second},
		{"it is there", 10 * time.Second, 10 * time.Second},
		{"it is late", 25 * time.Second, 10 * time.Second},
		{"the clock was put back by an hour", 4*time.Second - time.Hour, 10*time.Second - time.Hour},
		{"the clock was put back by a tick", -3 * time.Second, 0},
	} {
		if got := s.tickBefore(at, start.Add(row.now)); !got.Equal(start.Add(row.want)) {
			t.Errorf("%s: found %v, expected %v", row.name, got, start.Add(row.want))
		}
	}
	if got := s.tickAfter(start.Add(10 * time.Second)); !got.Equal(start.Add(20 * time.Second)) {
		t.Errorf("after a tick comes %v", got)
	}
	for next, want := range map[int]int{-10: 0, 10: 0, 20: 1, 60: 5} { // seconds after a tick
		if got := s.ticksBetween(start, start.Add(time.Duration(next)*time.Second)); got != want {
			t.Errorf("before the tick %d s later %d are left out, expected %d", next, got, want)
		}
	}
}

// A container that lives for less than a tick is sampled, and its death tells what was measured.
func TestAShortLifeIsSampled(t *testing.T) {
	e := newEngine(t)
	o := newOutput(t)
	there := e.run(spec{Cmd: []string{"sleep"}})
	running(t, Config{
		Host: testHost, Interval: time.Minute, LogLevel: "info", DockerSocket: e.path,
		Outputs: []influx.Output{{Name: "there", URLs: []string{o.server.URL}, Bucket: "nezuban"}},
	})
	o.awaitPoints(t, 1, influx.ContainerEvent, there) // Docker is followed

	const lives = 5 // the machine may stand still for most of one
	for range lives {
		name := e.run(spec{Cmd: []string{"exit", "0", "after", "2s"}})
		died := o.awaitPoints(t, 2, influx.ContainerEvent, name)[1]
		if text(died) != "die 0 requested=false" {
			t.Fatalf("found %v", died)
		}
		if age, ok := died.Int(influx.FieldLastAgeNs); !ok || age > (2*time.Second).Nanoseconds() {
			t.Logf("found %v", died)
			continue
		}
		cpu := o.awaitPoints(t, 1, influx.ContainerCPU, name)
		if len(cpu) > len(firstLooks)+1 { // the minute may be full just then
			t.Errorf("sampled %d times", len(cpu))
		}
		return
	}
	t.Errorf("of none of %d deaths it is told what was measured in the 2 s before", lives)
}
