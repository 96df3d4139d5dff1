package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// noon is the time of tests that need one.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func TestParseSeen(t *testing.T) {
	tests := []struct {
		name, text string
		want       time.Time
		problem    string
	}{
		{"nanoseconds", "2026-11-22T11:59:00.000000001Z\n", time.Date(2026, 11, 22, 11, 59, 0, 1, time.UTC), ""},
		{"without end of line, in another zone", "2026-11-22T12:59:00+01:00", time.Date(2026, 11, 22, 11, 59, 0, 0, time.UTC), ""},
		{"now", "2026-11-22T12:00:00Z\n", noon(), ""},
		{"a later version", "2026-11-22T11:59:00Z\nengine abc\n", time.Date(2026, 11, 22, 11, 59, 0, 0, time.UTC), ""},
		{"future", "2026-11-22T12:00:00.000000001Z\n", time.Time{}, "expected a time in the past"},
		{"before there was an agent", "0001-01-01T00:00:00Z\n", time.Time{}, `found "0001-01-01T00:00:00Z", expected a time as in RFC 3339`},
		{"empty", "", time.Time{}, `found "", expected a time as in RFC 3339`},
		{"something else", strings.Repeat("x", 1000), time.Time{}, `found "` + strings.Repeat("x", 64) + `", expected`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseSeen([]byte(tt.text), noon())
			if !got.Equal(tt.want) || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("found %v, %v, expected %v, %q", got, err, tt.want, tt.problem)
			}
		})
	}
}

func FuzzParseSeen(f *testing.F) {
	for _, seed := range []string{"2026-11-22T11:59:00.000000001Z\n", "2026-11-22T12:59:00+01:00\nmore", "", "\n", "9999-12-31T23:59:59Z", "2020-01-01T00:00:00+23:59"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseSeen(data, noon())
		if err != nil {
			return
		}
		if got.After(noon()) || got.Year() < oldestYear {
			t.Fatalf("%q: %v", data, got)
		}
		again, err := parseSeen([]byte(got.Format(time.RFC3339Nano)+"\n"), noon())
		if err != nil || !again.Equal(got) {
			t.Fatalf("%q: %v is read again as %v, %v", data, got, again, err)
		}
	})
}

// durable is what has nothing to wait for.
func durable() error { return nil }

// Nothing counts as told before it is on disk: until then a restart tells it again.
func TestMemoryWaitsForWhatWasTold(t *testing.T) {
	dir := t.TempDir()
	told := errors.New("the disk is full")
	var log bytes.Buffer
	m := newMemory(dir, noon(), func() error { return told }, slog.New(slog.NewTextHandler(&log, nil)))
	m.begin(noon())
	m.saw(noon().Add(time.Second))
	m.settle(time.Time{})
	m.save()
	if got := newMemory(dir, noon().Add(time.Hour), durable, testLog(t)).seenUntil(); !got.IsZero() {
		t.Errorf("seen until %v, though it is on no disk", got)
	}
	if !strings.Contains(log.String(), "events are told again after a restart: the disk is full") {
		t.Errorf("log:\n%s", log.String())
	}
	told = nil
	m.save()
	m.landed()
	if got := newMemory(dir, noon().Add(time.Hour), durable, testLog(t)).seenUntil(); !got.Equal(noon().Add(time.Second)) {
		t.Errorf("seen until %v", got)
	}
}

// Each memory finds what the one before has settled, and nothing later.
func TestMemoryOutlivesTheAgent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "at need")
	first := newMemory(dir, noon(), durable, testLog(t))
	first.save()
	if _, err := os.Stat(dir); err == nil {
		t.Error("an agent that never saw Docker writes a memory")
	}
	first.begin(noon())
	if first.isNew(noon()) || !first.isNew(noon().Add(1)) {
		t.Error("what was before the first stream is in the present state; what comes after is told")
	}
	first.begin(noon().Add(time.Minute))
	first.settle(noon().Add(-time.Minute)) // not this agent's to tell
	first.saw(noon().Add(2 * time.Second))
	first.saw(noon().Add(time.Second))
	first.settle(time.Time{})
	first.save()
	first.landed()

	second := newMemory(dir, noon().Add(time.Hour), durable, testLog(t))
	if got := second.seenUntil(); !got.Equal(noon().Add(2 * time.Second)) {
		t.Errorf("seen until %v", got)
	}
	if second.isNew(noon().Add(2*time.Second)) || !second.isNew(noon().Add(2*time.Second+1)) {
		t.Error("told is what the agent before has seen, and nothing else")
	}
	if got := second.since(noon().Add(time.Hour)); !got.Equal(noon().Add(2*time.Second - event.StopWindow)) {
		t.Errorf("a stream would begin at %v", got)
	}
	second.begin(noon().Add(time.Hour))
	second.saw(noon().Add(time.Hour))
	second.settle(noon().Add(time.Minute)) // a death of then is still held
	second.settle(noon().Add(time.Second)) // and it never goes back
	second.save()
	second.landed()
	if got := newMemory(dir, noon().Add(2*time.Hour), durable, testLog(t)).seenUntil(); !got.Equal(noon().Add(time.Minute - 1)) {
		t.Errorf("what is not told counts as seen: until %v", got)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "docker-seen" {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

func TestMemoryThatMakesNoSense(t *testing.T) {
	for name, leave := range map[string]func(path string) error{
		"rubbish": func(path string) error { return os.WriteFile(path, []byte("yesterday\n"), 0o600) },
		"future":  func(path string) error { return os.WriteFile(path, []byte("2026-11-22T13:00:00Z\n"), 0o600) },
		"folder":  func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := leave(filepath.Join(dir, seenFile)); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			m := newMemory(dir, noon(), durable, slog.New(slog.NewTextHandler(&log, nil)))
			if !m.seenUntil().IsZero() {
				t.Errorf("seen until %v", m.seenUntil())
			}
			if strings.Count(log.String(), "level=WARN") != 1 || !strings.Contains(log.String(), seenFile) {
				t.Errorf("log:\n%s", log.String())
			}
		})
	}
}

// A folder that cannot be written to is said once, and nothing else suffers.
func TestMemoryThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	m := newMemory(filepath.Join(dir, "below"), noon(), durable, slog.New(slog.NewTextHandler(&log, nil)))
	log.Reset()
	m.begin(noon())
	for i := range 3 {
		m.saw(noon().Add(time.Duration(i) * time.Second))
		m.settle(time.Time{})
		m.save()
	}
	if strings.Count(log.String(), "level=WARN") != 1 || !strings.Contains(log.String(), "with=state_dir") {
		t.Errorf("log:\n%s", log.String())
	}
}

// A silent stream means that nothing happened, but only once it is there for
// long enough to have told what was before, and only while it is there.
func TestSilenceIsSeen(t *testing.T) {
	asked := time.Now()
	m := newMemory("", asked, durable, testLog(t))
	f := newFollower(nil, docker.NewTable(), newLastSamples(), &recorder{}, testHost, m, newLedger("", "", time.Time{}, testLog(t)))
	m.begin(asked)
	f.remember(asked.Add(time.Hour))
	if got := m.seenUntil(); !got.Equal(asked) {
		t.Errorf("without a stream it was seen until %v", got)
	}
	f.present(t.Context(), nil, asked)
	(<-f.inbox)()
	begun := f.live
	f.remember(begun.Add(quietFor))
	if got := m.seenUntil(); !got.Equal(asked) {
		t.Errorf("a stream that has just begun was silent until %v", got)
	}
	f.remember(begun.Add(time.Minute))
	if got, want := m.seenUntil(), begun.Add(time.Minute-quietFor); !got.Equal(want) {
		t.Errorf("seen until %v, expected %v", got, want)
	}
	f.away(t.Context(), errors.New("the stream ended"))
	(<-f.inbox)()
	f.remember(begun.Add(time.Hour))
	if got, want := m.seenUntil(), begun.Add(time.Minute-quietFor); !got.Equal(want) {
		t.Errorf("after the stream it was seen until %v, expected %v", got, want)
	}
}

// An agent that is killed soon after its start has left until when it has seen what happened.
func TestMemoryIsThereSoon(t *testing.T) {
	s := newScripted(t)
	dir := t.TempDir()
	begun := time.Now()
	_, table, _ := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	await(t, "the file", func() bool { _, err := os.Stat(filepath.Join(dir, seenFile)); return err == nil })
	if took := time.Since(begun); took >= rememberEvery { // by then it is saved in any case
		t.Errorf("it is there after %s", took)
	}
}

// Docker was restarted while no agent ran, and remembers no events.
func TestDeathWhileNoAgentRan(t *testing.T) {
	s := newScripted(t)
	dir := t.TempDir()
	s.set("web", answer("web", `"Status":"running","Pid":1`))
	s.set("old", answer("old", `"Status":"exited","ExitCode":1,"FinishedAt":"2026-01-01T00:00:00Z"`))
	_, table, stop := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	stop()

	ended := time.Now()
	s.set("web", answer("web", `"Status":"exited","ExitCode":9,"FinishedAt":"`+ended.UTC().Format(time.RFC3339Nano)+`"`))
	written, _, stop := followingWith(t, s.path, dir, newLastSamples())
	points := written.awaitPoints(t, 2, influx.ContainerEvent, "web")
	if diff := cmp.Diff([]string{"present exited", "die 9 requested=false"}, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !points[1].Time.Equal(ended) {
		t.Errorf("the death is said to be at %s, expected %s", points[1].Time, ended)
	}
	stop()

	again, _, _ := followingWith(t, s.path, dir, newLastSamples())
	again.awaitPoints(t, 1, influx.ContainerEvent, "web")
	time.Sleep(2500 * time.Millisecond) // a death told twice would come by now
	for name, want := range map[string][]string{"web": {"present exited"}, "old": {"present exited"}} {
		if diff := cmp.Diff(want, texts(again.of(influx.ContainerEvent, name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Docker ended, and told of one death only after that of another which was earlier; then it forgot both, while no agent ran.
func TestDeathThatDockerWasLateToTell(t *testing.T) {
	s := newScripted(t)
	dir := t.TempDir()
	s.set("web", answer("web", `"Status":"running","Pid":1,"StartedAt":"2026-01-01T00:00:00Z"`))
	s.set("db", answer("db", `"Status":"running","Pid":2,"StartedAt":"2026-01-01T00:00:00Z"`))
	written, table, stop := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	ended := time.Now()
	s.tell("db", "die")
	written.awaitPoints(t, 2, influx.ContainerEvent, "db")
	stop()

	finished := `"Status":"exited","ExitCode":3,"StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"` + ended.UTC().Format(time.RFC3339Nano) + `"`
	s.set("web", answer("web", finished))
	s.set("db", answer("db", finished))
	begun := time.Now()
	s.set("new", answer("new", `"Status":"running","Pid":3,"StartedAt":"`+ended.UTC().Format(time.RFC3339Nano)+`"`))
	written, _, _ = followingWith(t, s.path, dir, newLastSamples())
	for name, want := range map[string][]string{"web": {"present exited", "die 3 requested=false"}, "new": {"present running", "start"}} {
		points := written.awaitPoints(t, 2, influx.ContainerEvent, name)
		if diff := cmp.Diff(want, texts(points)); diff != "" || points[1].Time.After(begun) {
			t.Errorf("%s: at %v (-want +got):\n%s", name, points[1].Time, diff)
		}
	}
	time.Sleep(missedTwice) // a death told twice would come by now
	if diff := cmp.Diff([]string{"present exited"}, texts(written.of(influx.ContainerEvent, "db"))); diff != "" {
		t.Errorf("what the first agent told (-want +got):\n%s", diff)
	}
}

// The agent was killed before it had saved until when it has seen events, and Docker has forgotten them: the ledger knows what was told.
func TestDeathThatWasToldJustBeforeAKill(t *testing.T) {
	s := newScripted(t)
	dir := t.TempDir()
	s.set("web", answer("web", `"Status":"running","Pid":1,"StartedAt":"2026-01-01T00:00:00Z"`))
	_, table, stop := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	stop() // which saves
	s.cut()
	before, err := os.ReadFile(filepath.Join(dir, seenFile))
	if err != nil {
		t.Fatal(err)
	}
	written, table, stop := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	ended := time.Now()
	s.tell("web", "die")
	written.awaitPoints(t, 2, influx.ContainerEvent, "web")
	stop()
	if err := os.WriteFile(filepath.Join(dir, seenFile), before, 0o600); err != nil {
		t.Fatal(err)
	}

	s.set("web", answer("web", `"Status":"exited","ExitCode":3,"StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"`+ended.UTC().Format(time.RFC3339Nano)+`"`))
	written, _, _ = followingWith(t, s.path, dir, newLastSamples())
	written.awaitPoints(t, 1, influx.ContainerEvent, "web")
	time.Sleep(missedTwice)
	if diff := cmp.Diff([]string{"present exited"}, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// missedTwice is how long what is found by the list waits to be told, and some more.
const missedTwice = 2500 * time.Millisecond

// An agent that is stopped in the middle of a docker stop leaves it to the next
// one to see that the death was asked for.
func TestStopAcrossTheAgentsRestart(t *testing.T) {
	s := newScripted(t)
	dir := t.TempDir()
	s.set("web", answer("web", `"Status":"running","Pid":1`))
	written, table, stop := followingWith(t, s.path, dir, newLastSamples())
	connected(t, table)
	kill := s.tell("web", "kill")
	written.awaitPoints(t, 2, influx.ContainerEvent, "web")
	stop()
	s.cut() // lest the first agent's stream takes what is for the next

	written, _, _ = followingWith(t, s.path, dir, newLastSamples())
	s.events <- kill // the engine tells again what it remembers
	s.tellAll("web", "die", "stop")
	want := []string{"present running", "die 3 requested=true", "stop"}
	if diff := cmp.Diff(want, texts(written.awaitPoints(t, len(want), influx.ContainerEvent, "web"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The real Docker: what dies while the agent is away is told once by the next.
func TestAgentAwayAndBack(t *testing.T) {
	e := newEngine(t)
	dir := t.TempDir()
	long := e.run(spec{Cmd: []string{"exit", "5"}})
	e.post("/containers/"+long+"/wait", nil)
	lives := e.run(spec{Cmd: []string{"sleep"}})
	var stopped string
	var toStop []string
	for range 5 {
		toStop = append(toStop, e.run(spec{Cmd: []string{"sleep"}}))
	}
	agent := func() (o *output, stop func()) {
		o = newOutput(t)
		return o, running(t, Config{
			Host: testHost, Interval: time.Second, LogLevel: "info", DockerSocket: e.path, StateDir: dir,
			Outputs: []influx.Output{{Name: "there", URLs: []string{o.server.URL}, Bucket: "nezuban"}},
		})
	}
	first, stop := agent()
	first.awaitPoints(t, 1, influx.ContainerEvent, lives)
	first.settled(t)
	stop()
	e.kill(lives)
	e.post("/containers/"+lives+"/wait", nil)
	for _, stopped = range toStop {
		took := e.stop(stopped, "10")
		if took <= soon {
			break
		}
		t.Logf("Docker was late: a stop took %s", took) // too late to explain the death
	}

	second, stop := agent()
	second.awaitPoints(t, 3, influx.ContainerEvent, lives)
	second.awaitPoints(t, 4, influx.ContainerEvent, stopped)
	time.Sleep(2500 * time.Millisecond) // a death told twice would come by now
	second.settled(t)
	stop()
	third, stop := agent()
	third.awaitPoints(t, 1, influx.ContainerEvent, lives)
	time.Sleep(2500 * time.Millisecond)
	third.settled(t)
	stop()

	tests := []struct {
		name, container string
		of              *output
		want            []string
	}{
		{"first", lives, first, []string{"present running"}},
		{"first, of what ended long ago", long, first, []string{"present exited"}},
		{"second", lives, second, []string{"present exited", "kill 9", "die 137 requested=false"}},
		{"second, of what was stopped", stopped, second, []string{"present exited", "kill 15", "die 0 requested=true", "stop"}},
		{"second, of what ended long ago", long, second, []string{"present exited"}},
		{"third", lives, third, []string{"present exited"}},
		{"third, of what was stopped", stopped, third, []string{"present exited"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, dieFirst(texts(tt.of.of(influx.ContainerEvent, tt.container)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// dieFirst puts a stop behind its death, of which Docker may tell in either order.
func dieFirst(all []string) []string {
	for i := 1; i < len(all); i++ {
		if all[i-1] == "stop" && strings.HasPrefix(all[i], "die ") {
			all[i-1], all[i] = all[i], all[i-1]
		}
	}
	return all
}

// restarted is an agent that begins at noon with what is in dir, and does only what a test has it do. It is as good as killed when the
// test goes on without it.
func restarted(t *testing.T, s *scripted, dir string) (*follower, *recorder) {
	t.Helper()
	client, written := docker.New(s.path), &recorder{}
	t.Cleanup(client.Close)
	memory := newMemory("", noon(), durable, testLog(t))
	memory.begin(noon())
	return newFollower(client, docker.NewTable(), newLastSamples(), written, testHost, memory, newLedger(dir, testBoot, noon(), testLog(t))), written
}

// lookAt has an agent ask for a container, as at the begin of a stream.
func lookAt(t *testing.T, f *follower, id string) {
	t.Helper()
	f.present(t.Context(), inspectAll(t.Context(), f.client, []docker.Summary{{ID: id}}), noon())
	(<-f.inbox)()
}

// lives has Docker show a life of a container, in seconds from noon.
func (s *scripted) lives(id, state string, began, ended int) {
	at := func(seconds int) string {
		return noon().Add(time.Duration(seconds) * time.Second).Format(time.RFC3339Nano)
	}
	s.set(id, answer(id, fmt.Sprintf(`%s,"StartedAt":%q,"FinishedAt":%q`, state, at(began), at(ended))))
}

// letGo lets an agent tell what it holds.
func letGo(f *follower) {
	f.due(f.missed.Next())
	f.due(f.judge.Next())
}

// An agent found by a look what Docker has no event for, and was killed before it told so; Docker, restarted once more, has another life of the
// container to show. The next agent tells both.
func TestWhatAKilledAgentHadFound(t *testing.T) {
	s, dir := newScripted(t), t.TempDir()
	f, written := restarted(t, s, dir)
	s.lives("web", `"Status":"running","Pid":1`, -10, -20)
	lookAt(t, f, "web")
	s.lives("web", `"Status":"exited","ExitCode":7`, 1, 2)
	lookAt(t, f, "web")
	if got := texts(written.of(influx.ContainerEvent, "web")); len(got) != 2 {
		t.Fatalf("told before Docker could: %v", got)
	}
	f.ledger.landed()
	s.lives("web", `"Status":"running","Pid":1,"ExitCode":0`, 5, 4)

	for _, want := range [][]string{
		{"present running", "start", "die 7 requested=false", "die 255 requested=false", "start"},
		{"present running"}, // it was told
	} {
		f, written = restarted(t, s, dir)
		lookAt(t, f, "web")
		letGo(f)
		f.ledger.landed()
		points := written.of(influx.ContainerEvent, "web")
		if diff := cmp.Diff(want, texts(points)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, p := range points[1:] {
			if policy, _ := p.Text(influx.FieldRestartPolicy); policy != "always" {
				t.Errorf("found %v, expected its restart policy", p)
			}
		}
	}
}

// What began unseen and was removed unseen is gone, whether the agent that found its begin was killed or not.
func TestWhatBeganUnseenIsGone(t *testing.T) {
	for _, killed := range []bool{true, false} {
		s, dir := newScripted(t), t.TempDir()
		f, written := restarted(t, s, dir)
		s.lives("web", `"Status":"exited"`, -20, -10)
		lookAt(t, f, "web")
		s.lives("web", `"Status":"running","Pid":1`, 1, -10)
		lookAt(t, f, "web")
		s.unset("web")
		f.ledger.landed()
		want := []string{"present exited", "present running", "start", "gone"}
		if killed {
			f, written = restarted(t, s, dir)
			lookAt(t, f, "web")
			want = want[2:]
		} else {
			f.listed(t.Context(), nil)
			(<-f.inbox)()
			(<-f.inbox)() // what Docker answered
		}
		letGo(f)
		if diff := cmp.Diff(want, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
			t.Errorf("killed: %v (-want +got):\n%s", killed, diff)
		}
	}
}

// Docker tells, when the agent is back, what it had not told the one before, though that saw later events: it is told, once.
func TestWhatTheAgentBeforeWasNotTold(t *testing.T) {
	s, dir := newScripted(t), t.TempDir()
	f, _ := restarted(t, s, dir)
	s.lives("web", `"Status":"running","Pid":1`, -10, -20)
	lookAt(t, f, "web")
	s.lives("web", `"Status":"exited","ExitCode":7`, -10, -5)
	f.ledger.landed()
	f, written := restarted(t, s, dir)
	lookAt(t, f, "web")
	for range 2 {
		f.happened(t.Context(), docker.Event{ID: "web", Name: "web", Action: docker.ActionDie, ExitCode: 7, At: noon().Add(3*time.Millisecond - 5*time.Second)})
		(<-f.inbox)()
	}
	letGo(f)
	if diff := cmp.Diff([]string{"present exited", "die 7 requested=false"}, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The machine stood still, or its disk, until all that was held is due: what Docker has told meanwhile counts first.
func TestWhatIsHeardComesBeforeWhatIsDue(t *testing.T) {
	s, dir := newScripted(t), t.TempDir()
	f, written := restarted(t, s, dir)
	s.lives("web", `"Status":"running","Pid":1`, -10, -20)
	lookAt(t, f, "web")
	s.lives("web", `"Status":"exited","ExitCode":7`, -10, 5)
	lookAt(t, f, "web")
	for i, action := range []string{docker.ActionKill, docker.ActionDie, docker.ActionStop} {
		f.happened(t.Context(), docker.Event{ID: "web", Name: "web", Action: action, ExitCode: 7, At: noon().Add(5*time.Second + time.Duration(i)*time.Millisecond)})
	}
	letGo(f)
	want := []string{"present running", "present exited", "kill ", "die 7 requested=true", "stop"}
	if diff := cmp.Diff(want, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The machine stood still while Docker told why a container died, which nobody has read: it has a moment to be, and no longer.
func TestWhatIsReadAfterAStandstillCounts(t *testing.T) {
	for _, read := range []bool{true, false} {
		s := newScripted(t)
		f, written := restarted(t, s, t.TempDir())
		s.lives("web", `"Status":"running","Pid":1`, -10, -20)
		lookAt(t, f, "web")
		tell := func(action string, after time.Duration) {
			f.happened(t.Context(), docker.Event{ID: "web", Name: "web", Action: action, ExitCode: 137, At: noon().Add(after)})
			f.hearAll()
		}
		tell(docker.ActionKill, time.Second)
		tell(docker.ActionDie, 2*time.Second)
		late := f.next().Add(stoodStill)
		f.due(late)
		if diff := cmp.Diff([]string{"present running", "kill "}, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		if next := f.next(); !next.Equal(late.Add(catchUp)) {
			t.Errorf("what is held goes at %s, want %s", next, late.Add(catchUp))
		}
		want := []string{"present running", "kill ", "die 137 requested=false"}
		if read {
			tell(docker.ActionStop, 2500*time.Millisecond)
			want = []string{"present running", "kill ", "die 137 requested=true", "stop"}
		}
		f.due(late.Add(time.Minute)) // it has stood still again
		if diff := cmp.Diff(want, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
			t.Errorf("read %v (-want +got):\n%s", read, diff)
		}
		tell(docker.ActionStart, 3*time.Second)
		tell(docker.ActionKill, 4*time.Second)
		tell(docker.ActionDie, 5*time.Second)
		f.due(f.next().Add(stoodStill)) // the next standstill is another one
		tell(docker.ActionStop, 5500*time.Millisecond)
		want = append(want, "start", "kill ", "die 137 requested=true", "stop")
		if diff := cmp.Diff(want, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
			t.Errorf("read %v, the second time (-want +got):\n%s", read, diff)
		}
	}
}

// The agent was told to end after a death, and the machine stood still for longer than that is held: why the container died counts, though it
// is read late.
func TestTheEndAwaitsWhatIsReadAfterAStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := &recorder{}
		f := newFollower(nil, docker.NewTable(), newLastSamples(), written, testHost, newMemory("", time.Now(), durable, testLog(t)), newLedger("", "", time.Time{}, testLog(t)))
		f.table.Put(docker.Container{ID: "web", Name: "web", Status: "running", PID: 1, RestartPolicy: "no"})
		at := time.Now()
		tell := func(action string) {
			f.happened(t.Context(), docker.Event{ID: "web", Name: "web", Action: action, ExitCode: 137, At: at})
		}
		tell(docker.ActionKill)
		tell(docker.ActionDie)
		f.hearAll()
		const before, still = 10 * time.Millisecond, 2 * event.HoldFor
		time.AfterFunc(before, func() { f.inbox <- func() { time.Sleep(still) } })
		time.AfterFunc(before+still+catchUp/2, func() { tell(docker.ActionStop) })
		ended := make(chan struct{})
		close(ended)
		f.loop(ended)
		if diff := cmp.Diff([]string{"kill ", "die 137 requested=true", "stop"}, texts(written.of(influx.ContainerEvent, "web"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took := time.Since(at); took > before+still+catchUp {
			t.Errorf("the end took %s", took)
		}
	})
}

// An event that was heard counts as seen, and no later stream tells it: it is taken though its stream has ended.
func TestAnEventOutlivesItsStream(t *testing.T) {
	f, _ := restarted(t, newScripted(t), t.TempDir())
	ended, end := context.WithCancel(t.Context())
	end()
	const events = 30
	for range events {
		f.happened(ended, docker.Event{ID: "web", Action: docker.ActionKill, At: noon()})
	}
	if n := len(f.inbox); n != events {
		t.Errorf("%d of %d events are taken", n, events)
	}
}
