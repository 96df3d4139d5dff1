package main

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// The clock of another process is named by a number that the kernel defines; a wrong one is the clock of something else.
func TestCPUOfIsWhatTheKernelCounts(t *testing.T) {
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	var low, high syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &low); err != nil {
		t.Fatal(err)
	}
	found, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &high); err != nil {
		t.Fatal(err)
	}
	const ticks = 10 * time.Millisecond // to which rusage may be rounded
	if least, most := total(low)-ticks, total(high)+ticks; found < least || found > most {
		t.Errorf("found %s, want %s to %s", found, least, most)
	}
}

func total(u syscall.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }

func TestAfter(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse("15:04:05.0", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	rows := []struct {
		from     string
		interval time.Duration
		want     string
	}{
		{"12:00:00.0", 10 * time.Second, "12:00:03.0"},
		{"12:00:03.0", 10 * time.Second, "12:00:03.0"},
		{"12:00:03.1", 10 * time.Second, "12:00:13.0"},
		{"12:00:59.9", 10 * time.Second, "12:01:03.0"},
		{"12:00:07.4", time.Second, "12:00:08.3"},
	}
	for _, row := range rows {
		if got := after(at(row.from), row.interval); !got.Equal(at(row.want)) {
			t.Errorf("%s of %s: found %s, want %s", row.from, row.interval, got.Format("15:04:05.0"), row.want)
		}
	}
}

// What Docker uses with no program running is taken off, and by how much that differs is the noise.
func TestRows(t *testing.T) {
	agent := &subject{name: agentSent}
	b := bench{options: options{intervals: []time.Duration{time.Second}}, docker: &docker{}}
	window := func(of *subject, ownMs, daemonsMs int) {
		b.windows = append(b.windows, window{
			of: of, interval: time.Second, length: 10 * time.Second, samples: 100, own: time.Duration(ownMs) * time.Millisecond, daemons: time.Duration(daemonsMs) * time.Millisecond,
		})
	}
	window(nil, 0, 40)
	window(agent, 20, 50)
	window(nil, 0, 50)
	window(agent, 10, 250)
	window(nil, 0, 60)
	window(agent, 30, 40)
	var found *row
	for _, r := range b.rows() {
		if r.name == agentSent {
			found = r
		}
	}
	if want := []float64{0.2, 0.1, 0.3}; !slices.Equal(found.own, want) {
		t.Errorf("found %v ms a sample, want %v", found.own, want)
	}
	if want := []float64{0, 2, -0.1}; !slices.Equal(found.daemons, want) {
		t.Errorf("found %v ms a sample of Docker, want %v", found.daemons, want)
	}
	if found.noise < 0.199 || found.noise > 0.201 { // 60 less 40 ms, of 100 samples
		t.Errorf("found a noise of %v ms, want 0.2", found.noise)
	}
}

func TestWhatIsMeasuredUnlessOneSaysOtherwise(t *testing.T) {
	o, err := parse(nil)
	if err != nil || o.containers != 200 || o.rounds != 3 || !slices.Equal(o.intervals, []time.Duration{10 * time.Second, time.Second}) {
		t.Errorf("found %d containers, %d rounds every %v, %v; expected 200, three, every 10 s and every second", o.containers, o.rounds, o.intervals, err)
	}
	for _, args := range [][]string{{"-n", "0"}, {"-rounds", "0"}, {"-window", "0s"}, {"-intervals", "999ms"}, {"-intervals", "1s,61s"}, {"-none"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v: found no error", args)
		}
	}
}

// Each goal at its bound, and just past it; the bare loop takes 0.07 ms.
func TestGoals(t *testing.T) {
	for _, tt := range []struct {
		name                      string
		own, daemons, noise, most float64
		want                      []string
	}{
		{agentLines, 0.14, 9, 0, 999, []string{"≤ 2 × held", "≤ 0.15 ms held"}},
		{agentLines, 0.141, 9, 0, 999, []string{"≤ 2 × MISSED", "≤ 0.15 ms held"}},
		{agentLines, 0.151, 9, 0, 999, []string{"≤ 2 × MISSED", "≤ 0.15 ms MISSED"}},
		{agentSent, 9, 0.01, 0, 20, []string{"daemons ≤ noise held", "≤ 20 MB held"}},
		{agentSent, 9, 0.03, 0.03, 20.1, []string{"daemons ≤ noise held", "≤ 20 MB MISSED"}},
		{agentSent, 9, 0.011, 0, 20, []string{"daemons ≤ noise MISSED", "≤ 20 MB held"}},
		{agentGzip, 0.2, 0, 0, 20, []string{"≤ 0.20 ms held", "daemons ≤ noise held", "≤ 20 MB held"}},
		{agentGzip, 0.201, 0.04, 0.03, 21, []string{"≤ 0.20 ms MISSED", "daemons ≤ noise MISSED", "≤ 20 MB MISSED"}},
		{"cAdvisor's manager", 9, 9, 0, 99, nil},
	} {
		r := row{name: tt.name, own: []float64{tt.own}, daemons: []float64{tt.daemons}, noise: tt.noise, resident: []float64{1}, max: []float64{tt.most}}
		if got := r.goals(0.07); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: found %q, expected %q", tt, got, tt.want)
		}
	}
}
