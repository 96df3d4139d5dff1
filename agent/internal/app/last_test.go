package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
	"nezuban/agent/internal/kernel"
)

// A death is told with what was measured last, how old that was, and what ended it.
func TestADeathIsToldWithItsLastSample(t *testing.T) {
	e := newEngine(t)
	last := newLastSamples()
	written, table, _ := followingWith(t, e.path, "", last)
	connected(t, table)
	s, _ := testSampler(t, table)
	s.last = last
	const limit = 64 << 20
	name := e.run(spec{Cmd: []string{"burn"}, HostConfig: hostConfig{Memory: limit}})
	var id string
	await(t, "the container", func() bool {
		for _, c := range table.All() {
			if c.Name == name && c.Running() {
				id = c.ID
			}
		}
		return id != ""
	})
	c, _ := table.Find(id)
	await(t, "a sample of its memory", func() bool {
		tick(t, s, time.Now())
		return last.of(id, c.StartedAt).Memory > 16<<20
	})
	e.kill(name)
	die := written.awaitPoints(t, 3, influx.ContainerEvent, name)[2]
	if text(die) != "die 137 requested=false" {
		t.Fatalf("found %v", die)
	}
	age, _ := die.Int(influx.FieldLastAgeNs)
	lifetime, _ := die.Int(influx.FieldLifetimeNs)
	if age <= 0 || age > lifetime || lifetime > time.Minute.Nanoseconds() {
		t.Errorf("the last sample is %s old, of %s", time.Duration(age), time.Duration(lifetime))
	}
	used, _ := die.Int(influx.FieldLastMemoryUsage)
	bound, _ := die.Int(influx.FieldLastMemoryLimit)
	cpu, _ := die.Int(influx.FieldLastCPUUsage)
	pids, _ := die.Int(influx.FieldLastPIDs)
	if used < 16<<20 || used > limit || bound != limit || cpu <= 0 || pids < 1 {
		t.Errorf("memory %d of %d, CPU %d, processes %d", used, bound, cpu, pids)
	}
	signal, _ := die.Text(influx.FieldSignal)
	if oom, ok := die.Bool(influx.FieldOOM); signal != "9" || oom || !ok {
		t.Errorf("signal %q, oom %v, %v", signal, oom, ok)
	}
	checkNames(t, die)

	e.start(name) // and a life that was not measured has no last sample of the one before
	e.kill(name)
	again := written.awaitPoints(t, 6, influx.ContainerEvent, name)[5]
	if _, ok := again.Int(influx.FieldLastAgeNs); ok || text(again) != "die 137 requested=false" {
		t.Errorf("found %v", again)
	}
	e.remove(name)
	await(t, "it to be forgotten", func() bool {
		tick(t, s, time.Now())
		return last.of(id, c.StartedAt) == event.Last{}
	})
}

// What Docker said of want of memory in one life says nothing of the next.
func TestWantOfMemoryIsOfOneLife(t *testing.T) {
	f := newFollower(nil, docker.NewTable(), newLastSamples(), &recorder{}, testHost, newMemory("", time.Now(), durable, testLog(t)), newLedger("", "", time.Time{}, testLog(t)))
	now := time.Now()
	f.table.Put(docker.Container{ID: "a", Name: "web", Status: "running", PID: 5, RestartPolicy: "always", StartedAt: now})
	for i, action := range []string{docker.ActionOOM, docker.ActionDie, docker.ActionStart} {
		f.apply(t.Context(), docker.Event{ID: "a", Name: "web", Action: action, At: now.Add(time.Duration(i+1) * time.Second), ExitCode: 137})
		if c, _ := f.table.Find("a"); c.OOMKilled != (action != docker.ActionStart) {
			t.Errorf("after %s: %v", action, c.OOMKilled)
		}
		f.table.Put(func() docker.Container { c, _ := f.table.Find("a"); c.PID = 5; return c }()) // nobody is asked
	}
}

// An event of the start may be read after Docker has shown its end: the life is that one, and what was measured in it.
func TestAStartThatIsReadAfterItsEnd(t *testing.T) {
	s := newScripted(t)
	f, written := restarted(t, s, t.TempDir())
	s.lives("web", `"Status":"running","Pid":1`, -10, -20)
	lookAt(t, f, "web")
	sample := cgroup.Sample{At: noon()}
	began := noon().Add(time.Second)
	f.last.keep("web", began, &sample)
	c, _ := f.table.Find("web")
	c.Status, c.PID, c.StartedAt, c.FinishedAt = "exited", 0, began, noon().Add(3*time.Second)
	f.table.Put(c)
	s.set("web", "") // it does not answer any more
	for i, action := range []string{docker.ActionStart, docker.ActionDie} {
		f.happened(t.Context(), docker.Event{ID: "web", Name: "web", Action: action, ExitCode: 3, At: noon().Add(time.Second + time.Duration(i)*2*time.Second + time.Millisecond)})
		f.hearAll()
	}
	points := written.of(influx.ContainerEvent, "web")
	if _, sampled := points[len(points)-1].Int(influx.FieldLastAgeNs); !sampled || text(points[len(points)-1]) != "die 3 requested=false" {
		t.Errorf("found %v, expected it with its last sample", points[len(points)-1])
	}
}

// A container began and died again before Docker had answered for its new life: nothing of the life before is told of that death.
func TestALifeThatEndsBeforeDockerAnswers(t *testing.T) {
	s := newScripted(t)
	f, written := restarted(t, s, t.TempDir())
	s.lives("web", `"Status":"running","Pid":1`, -10, -20)
	lookAt(t, f, "web")
	sample := cgroup.Sample{At: noon()}
	sample.CPU.Total = kernel.Known(7)
	f.last.keep("web", noon().Add(-10*time.Second), &sample)
	s.set("web", "") // it does not answer any more
	for i, action := range []string{docker.ActionDie, docker.ActionStart, docker.ActionDie} {
		f.happened(t.Context(), docker.Event{ID: "web", Name: "web", Action: action, ExitCode: 3, At: noon().Add(time.Duration(i+1) * time.Second)})
		f.hearAll()
	}
	points := written.of(influx.ContainerEvent, "web")
	if diff := cmp.Diff([]string{"present running", "die 3 requested=false", "start", "die 3 requested=false"}, texts(points)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for i, want := range map[int]struct {
		lifetime time.Duration
		sampled  bool
	}{1: {11 * time.Second, true}, 3: {time.Second, false}} {
		lifetime, _ := points[i].Int(influx.FieldLifetimeNs)
		if _, sampled := points[i].Int(influx.FieldLastAgeNs); time.Duration(lifetime) != want.lifetime || sampled != want.sampled {
			t.Errorf("found a life of %s, sampled: %v, expected %v", time.Duration(lifetime), sampled, want)
		}
	}
}
