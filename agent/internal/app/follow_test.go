package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
)

// text puts an event point into a word or two.
func text(p influx.Point) string {
	s := p.Tag(influx.TagAction)
	switch s {
	case influx.ActionDie:
		code, _ := p.Int(influx.FieldExitCode)
		requested, _ := p.Bool(influx.FieldRequested)
		s += fmt.Sprintf(" %d requested=%v", code, requested)
	case influx.ActionKill:
		signal, _ := p.Text(influx.FieldSignal)
		s += " " + signal
	case influx.ActionHealthStatus:
		health, _ := p.Text(influx.FieldHealth)
		s += " " + health
	case influx.ActionPresent:
		status, _ := p.Text(influx.FieldStatus)
		s += " " + status
	}
	return s
}

func texts(points []influx.Point) []string {
	var all []string
	for _, p := range points {
		all = append(all, text(p))
	}
	return all
}

// The real Docker, and exactly the events that are expected of each way to end.
func TestEventsOfRealContainers(t *testing.T) {
	e := newEngine(t)
	written, table := following(t, e.path)
	connected(t, table)
	sleep := spec{Cmd: []string{"sleep"}}
	tests := []struct {
		name   string
		spec   spec
		do     func(name string)
		want   []string
		policy string
	}{
		{
			name: "docker stop", spec: sleep, do: func(n string) { e.stop(n, "10") },
			want: []string{"start", "kill 15", "die 0 requested=true", "stop"}, policy: "no",
		},
		{
			name: "docker stop of a process deaf to TERM", spec: spec{Cmd: []string{"deaf"}}, do: func(n string) { e.stop(n, "1") },
			want: []string{"start", "kill 15", "kill 9", "die 137 requested=true", "stop"}, policy: "no",
		},
		{
			name: "docker rm -f", spec: sleep, do: e.remove,
			want: []string{"start", "kill 9", "die 137 requested=true", "destroy"}, policy: "no",
		},
		{
			name: "docker kill", spec: sleep, do: e.kill,
			want: []string{"start", "kill 9", "die 137 requested=false"}, policy: "no",
		},
		{
			name: "docker kill under a restart policy", spec: spec{Cmd: []string{"sleep"}, HostConfig: hostConfig{RestartPolicy: &restartPolicy{Name: "unless-stopped"}}}, do: e.kill,
			want: []string{"start", "kill 9", "die 137 requested=false"}, policy: "unless-stopped",
		},
		{
			name: "crash", spec: spec{Cmd: []string{"exit", "3"}}, do: func(string) {},
			want: []string{"start", "die 3 requested=false"}, policy: "no",
		},
		{
			name: "crash under --rm", spec: spec{Cmd: []string{"exit", "3"}, HostConfig: hostConfig{AutoRemove: true}}, do: func(string) {},
			want: []string{"start", "die 3 requested=false", "destroy"}, policy: "no",
		},
		{
			name: "crash beside a label with the name of the exit code", spec: spec{Cmd: []string{"exit", "3", "after", "100ms"}, Labels: map[string]string{"exitCode": "0"}}, do: func(string) {},
			want: []string{"start", "die 3 requested=false"}, policy: "no",
		},
		{
			name: "crash beside such a label that is no number", spec: spec{Cmd: []string{"exit", "3", "after", "100ms"}, Labels: map[string]string{"exitCode": "none"}}, do: func(string) {},
			want: []string{"start", "die 3 requested=false"}, policy: "no",
		},
		{
			name: "docker stop under --rm", spec: spec{Cmd: []string{"sleep"}, HostConfig: hostConfig{AutoRemove: true}}, do: func(n string) { e.stop(n, "10") },
			want: []string{"start", "kill 15", "die 0 requested=true", "destroy", "stop"}, policy: "no",
		},
		{
			name: "restarts by itself", spec: spec{Cmd: []string{"exit", "3", "after", "100ms"}, HostConfig: hostConfig{RestartPolicy: &restartPolicy{Name: "on-failure", MaximumRetryCount: 1}}}, do: func(string) {},
			want: []string{"start", "die 3 requested=false", "start", "die 3 requested=false"}, policy: "on-failure",
		},
		{
			name: "docker restart", spec: sleep, do: func(n string) { e.restart(n, "10") },
			want: []string{"start", "kill 15", "die 0 requested=true", "stop", "start"}, policy: "no",
		},
		{
			name: "pause", spec: sleep, do: func(n string) {
				e.post("/containers/"+n+"/pause", nil)
				e.post("/containers/"+n+"/unpause", nil)
			},
			want: []string{"start", "pause", "unpause"}, policy: "no",
		},
		{
			name: "health", spec: spec{Cmd: []string{"sleep"}, Healthcheck: &healthcheck{Test: []string{"CMD", "/testload", "exit", "0"}, Interval: time.Second}}, do: func(string) {},
			want: []string{"start", "health_status healthy"}, policy: "no",
		},
		{
			name: "bad health", spec: spec{Cmd: []string{"sleep"}, Healthcheck: &healthcheck{Test: []string{"CMD", "/testload", "exit", "1"}, Interval: time.Second, Retries: 1}}, do: func(string) {},
			want: []string{"start", "health_status unhealthy"}, policy: "no",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			points := written.awaitEnd(t, len(tt.want), func() (name string) {
				name = e.create(tt.spec)
				await(t, "what Docker says of it", func() bool { return knows(table, name) }) // it may be gone soon
				e.start(name)
				tt.do(name)
				return name
			})
			got := texts(points)
			if tt.name == "docker stop under --rm" {
				got = sortTail(got) // Docker tells stop and destroy in either order
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, p := range points {
				policy, _ := p.Text(influx.FieldRestartPolicy)
				remove, ok := p.Bool(influx.FieldAutoRemove)
				id, _ := p.Text(influx.FieldContainerID)
				if policy != tt.policy || !ok || remove != tt.spec.HostConfig.AutoRemove || len(id) != 64 || p.Tag(influx.TagHost) != testHost {
					t.Errorf("%s: restart_policy %q, auto_remove %v, container_id %q of %v", text(p), policy, remove, id, p.Tags)
				}
			}
		})
	}
}

// knows says whether an inspect has told about a container.
func knows(table *docker.Table, name string) bool {
	return slices.ContainsFunc(table.All(), func(c docker.Container) bool { return c.Name == name && c.Known() })
}

// awaitEnd waits for so many points of a container that do starts and ends; of another one when Docker itself, on a slow disk, was late.
func (r *recorder) awaitEnd(t *testing.T, n int, do func() (name string)) (points []influx.Point) {
	t.Helper()
	for range 5 {
		if points = r.awaitPoints(t, n, influx.ContainerEvent, do()); !late(points) {
			break
		}
		t.Logf("Docker was late: %v", points)
	}
	return points
}

// late says whether, by Docker's own times, a death was explained when it may have been let go.
func late(points []influx.Point) bool {
	var died time.Time
	for _, p := range points {
		switch p.Tag(influx.TagAction) {
		case influx.ActionDie:
			died = p.Time
		case influx.ActionStop, influx.ActionDestroy:
			if p.Time.Sub(died) > soon {
				return true
			}
		}
	}
	return false
}

// sortTail orders the last two texts.
func sortTail(all []string) []string {
	if n := len(all); n >= 2 && all[n-2] > all[n-1] {
		all[n-2], all[n-1] = all[n-1], all[n-2]
	}
	return all
}

// Docker may be too late to notice that the first process of a container died for want of memory: then there is no event of it,
// and the next container has one. On cgroup v2 the kernel is asked too, each time.
func TestOutOfMemory(t *testing.T) {
	e := newEngine(t)
	last := newLastSamples()
	written, table, _ := followingWith(t, e.path, "", last)
	connected(t, table)
	s, _ := testSampler(t, table)
	s.last = last
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.kills.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	_, engine := e.try(t.Context(), http.MethodGet, "/info", nil)
	v1 := !strings.Contains(engine, `"CgroupVersion":"2"`)
	for range 10 {
		name := e.run(spec{Cmd: []string{"hoard", "after", "3s"}, HostConfig: hostConfig{Memory: 32 << 20}})
		var c docker.Container
		var die influx.Point
		died := func() bool {
			at := slices.IndexFunc(written.of(influx.ContainerEvent, name), func(p influx.Point) bool { return p.Tag(influx.TagAction) == docker.ActionDie })
			if at >= 0 {
				die = written.of(influx.ContainerEvent, name)[at]
			}
			return at >= 0
		}
		sampled := false
		await(t, "a sample", func() bool {
			tick(t, s, time.Now())
			for _, c = range table.All() {
				if c.Name == name {
					sampled = last.of(c.ID, c.StartedAt).Memory > 0
					break
				}
			}
			return sampled || died()
		})
		await(t, "the death", died)
		if text(die) != "die 137 requested=false" {
			t.Errorf("found %v", die)
		}
		oom, _ := die.Bool(influx.FieldOOM)
		if !sampled { // the machine stood still for all of its life
			t.Logf("found %v, of which there is no sample", die)
			continue
		}
		if !v1 && (!oom || last.of(c.ID, c.StartedAt).OOMKills == 0) {
			t.Errorf("found %v, after the sample %+v", die, last.of(c.ID, c.StartedAt))
		}
		if oom {
			return
		}
	}
	t.Error("of none of ten deaths the cause was told")
}

func TestPresentStateComesFirst(t *testing.T) {
	e := newEngine(t)
	runs := e.run(spec{Cmd: []string{"sleep"}, HostConfig: hostConfig{RestartPolicy: &restartPolicy{Name: "always"}}})
	ended := e.run(spec{Cmd: []string{"exit", "5"}})
	e.post("/containers/"+ended+"/wait", nil)
	written, table := following(t, e.path)
	connected(t, table)
	run := written.awaitPoints(t, 1, influx.ContainerEvent, runs)[0]
	if policy, _ := run.Text(influx.FieldRestartPolicy); text(run) != "present running" || policy != "always" {
		t.Errorf("%v", run)
	}
	if _, ok := run.Int(influx.FieldFinishedAt); ok {
		t.Errorf("what never ended has a finished_at: %v", run)
	}
	end := written.awaitPoints(t, 1, influx.ContainerEvent, ended)[0]
	code, _ := end.Int(influx.FieldExitCode)
	if _, ok := end.Int(influx.FieldFinishedAt); text(end) != "present exited" || code != 5 || !ok {
		t.Errorf("%v", end)
	}
}

func TestRename(t *testing.T) {
	e := newEngine(t)
	written, table := following(t, e.path)
	connected(t, table)
	var old string
	want := []string{"rename", "kill 9", "die 137 requested=true", "destroy"}
	points := written.awaitEnd(t, len(want), func() (renamed string) {
		old = e.run(spec{Cmd: []string{"sleep"}})
		written.awaitPoints(t, 1, influx.ContainerEvent, old)
		renamed = old + "-new"
		e.post("/containers/"+old+"/rename?name="+renamed, nil)
		e.remove(renamed)
		return renamed
	})
	if diff := cmp.Diff(want, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, _ := points[0].Text(influx.FieldOldName); got != old {
		t.Errorf("it had the name %q, told is %q", old, got)
	}
}

// What the real Docker does with an image is told with its name.
func TestEventsOfImages(t *testing.T) {
	e := newEngine(t)
	written, table := following(t, e.path)
	connected(t, table)
	name := "nz-agent-" + strings.ToLower(rand.Text()[:10])
	e.post("/images/"+e.image+"/tag?repo="+name+"&tag=7", nil)
	if status, text := e.try(t.Context(), http.MethodDelete, "/images/"+name+":7", nil); status != http.StatusOK {
		t.Fatalf("untag: %d %s", status, text)
	}
	await(t, "its tag and untag", func() bool {
		var told []string
		for _, p := range written.of(influx.DockerEvent, "") {
			image, _ := p.Text(influx.FieldImage)
			version, _ := p.Text(influx.FieldVersion)
			if p.Tag(influx.TagHost) == testHost && (image == name && version == "7" || p.Tag(influx.TagAction) == influx.ActionUntag) {
				told = append(told, p.Tag(influx.TagAction))
			}
		}
		return slices.Contains(told, influx.ActionTag) && slices.Contains(told, influx.ActionUntag)
	})
}

// What happened to an image is told once, also when Docker tells the next agent of it again.
func TestEventOfAnImageIsToldOnce(t *testing.T) {
	s := newScripted(t)
	dir := t.TempDir()
	told := func(written *recorder) []string {
		var all []string
		for _, p := range written.of(influx.DockerEvent, "") {
			image, _ := p.Text(influx.FieldImage)
			version, _ := p.Text(influx.FieldVersion)
			all = append(all, p.Tag(influx.TagAction)+" "+image+" "+version)
		}
		return all
	}
	written, table, stop := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	pulled := time.Now()
	s.tellImage("shop:1", "pull", pulled)
	written.awaitPoints(t, 1, influx.DockerEvent, "")
	stop()
	s.cut()
	if diff := cmp.Diff([]string{"pull shop 1"}, told(written)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	written, table, _ = followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	s.tellImage("shop:1", "pull", pulled)
	s.tellImage("shop:1", "untag", time.Now())
	written.awaitPoints(t, 1, influx.DockerEvent, "")
	if diff := cmp.Diff([]string{"untag shop 1"}, told(written)); diff != "" {
		t.Errorf("the next agent (-want +got):\n%s", diff)
	}
}

// A container under --rm that ends while nobody follows Docker, and of which Docker has forgotten everything, is told to be gone, once.
func TestContainerThatIsGone(t *testing.T) {
	s := newScripted(t)
	dir := t.TempDir()
	runs := `"Status":"running","Pid":1,"StartedAt":"2026-01-01T00:00:00Z"`
	for _, id := range []string{"web", "db", "stays"} {
		s.set(id, answer(id, runs))
	}
	s.set("over", answer("over", `"Status":"exited","StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-02T00:00:00Z"`))
	written, table, stop := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	s.unset("web") // while this agent is cut off
	s.cut()
	points := written.awaitPoints(t, 2, influx.ContainerEvent, "web")
	if diff := cmp.Diff([]string{"present running", "gone"}, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if id, _ := points[1].Text(influx.FieldContainerID); id != "web" {
		t.Errorf("its id is %q", id)
	}
	var fields []string
	for _, f := range points[1].Fields {
		fields = append(fields, f.Key)
	}
	if diff := cmp.Diff([]string{"container_id", "image", "version", "restart_policy", "auto_remove"}, fields); diff != "" {
		t.Errorf("how it ended nobody knows (-want +got):\n%s", diff)
	}
	stop()

	s.unset("db") // while no agent runs
	s.unset("over")
	written, table, stop = followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	if diff := cmp.Diff([]string{"gone"}, texts(written.awaitPoints(t, 1, influx.ContainerEvent, "db"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	stop()

	written, _, _ = followingWith(t, s.path, dir, newLastSamples())
	written.awaitPoints(t, 1, influx.ContainerEvent, "stays")
	time.Sleep(missedTwice) // what is told twice would come by now
	for _, id := range []string{"web", "db", "over"} {
		if again := written.of(influx.ContainerEvent, id); len(again) > 0 {
			t.Errorf("told again: %v", texts(again))
		}
	}
}

// The backlog says how a container ended that is not there any more.
func TestContainerThatIsNotThereButInTheBacklog(t *testing.T) {
	s := newScripted(t)
	s.set("web", answer("web", `"Status":"running","Pid":1,"StartedAt":"2026-01-01T00:00:00Z"`))
	written, table := following(t, s.path)
	connected(t, table)
	s.unset("web")
	s.cut()
	s.tell("web", "die")
	s.tell("web", "destroy")
	written.awaitPoints(t, 3, influx.ContainerEvent, "web")
	time.Sleep(missedTwice)
	want := []string{"present running", "die 3 requested=false", "destroy"}
	if diff := cmp.Diff(want, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Docker goes away and comes back: what happened meanwhile is told once, after
// the present state, and the agent needs no restart.
func TestDockerAwayAndBack(t *testing.T) {
	e := newEngine(t)
	p := newProxy(t, e.path)
	written, table := following(t, p.front)
	p.restore()
	connected(t, table)
	stays := e.run(spec{Cmd: []string{"sleep"}})
	crashes := e.run(spec{Cmd: []string{"sleep"}})
	written.awaitPoints(t, 1, influx.ContainerEvent, stays)
	written.awaitPoints(t, 1, influx.ContainerEvent, crashes)

	p.cut()
	await(t, "docker to be missed", func() bool { _, _, up := table.Engine(); return !up })
	if c := find(t, table, stays); !c.Running() {
		t.Errorf("while docker is away %s is not sampled: %+v", stays, c)
	}
	e.kill(crashes)
	begun := e.run(spec{Cmd: []string{"sleep"}})
	p.restore()
	connected(t, table)

	want := map[string][]string{
		stays:   {"start", "present running"},
		crashes: {"start", "present exited", "kill 9", "die 137 requested=false"},
		begun:   {"present running", "start"},
	}
	for name, events := range want {
		written.awaitPoints(t, len(events), influx.ContainerEvent, name)
	}
	time.Sleep(2500 * time.Millisecond) // a death told twice would come by now
	for name, events := range want {
		if diff := cmp.Diff(events, texts(written.of(influx.ContainerEvent, name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var followed []string
	for _, p := range written.of(influx.DockerEvent, "") {
		if !strings.HasPrefix(p.Tag(influx.TagAction), "daemon_") {
			continue // of an image, with which other tests do something
		}
		why, _ := p.Text(influx.FieldReason)
		away, _ := p.Int(influx.FieldAwayNs)
		followed = append(followed, fmt.Sprintf("%s %t %t", p.Tag(influx.TagAction), why != "", away > 0))
	}
	if diff := cmp.Diff([]string{"daemon_gone true false", "daemon_back false true"}, followed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := find(t, table, begun); !c.Running() {
		t.Errorf("what was started while docker was away does not run: %+v", c)
	}
}

func find(t testing.TB, table *docker.Table, name string) docker.Container {
	t.Helper()
	for _, c := range table.All() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("%s is not in the table", name)
	return docker.Container{}
}
