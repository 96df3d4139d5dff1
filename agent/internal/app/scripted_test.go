package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// scripted is an engine that does what a test says: for what the real one does
// only in rare moments.
type scripted struct {
	path   string
	images atomic.Int64 // how often /info was asked for

	listing atomic.Pointer[func()] // called before a list is answered

	mu         sync.Mutex
	containers map[string]string // inspect answer by id; "" hangs, absent is 404
	asked      map[string]int    // how often, by path
	events     chan string
	stop       chan struct{}   // closed: the streams end
	open       *sync.WaitGroup // of the streams that stop ends
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := newScriptedOn(t, ln)
	s.path = path
	return s
}

// newScriptedOn is newScripted for a listener of the test's own.
func newScriptedOn(t *testing.T, ln net.Listener) *scripted {
	t.Helper()
	s := &scripted{
		containers: make(map[string]string), asked: make(map[string]int),
		events: make(chan string, 100), stop: make(chan struct{}), open: new(sync.WaitGroup),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"Name":"h","NCPU":2,"Images":%d}`, s.images.Add(1))
	})
	mux.HandleFunc("GET /containers/json", s.list)
	mux.HandleFunc("GET /containers/{id}/json", s.inspect)
	mux.HandleFunc("GET /events", s.stream)
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: s.counted(mux)}}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// counted counts what is asked for.
func (s *scripted) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.URL.Path]++
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// count gives how often each path was asked for since it was called last.
func (s *scripted) count() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = make(map[string]int)
	return asked
}

func (s *scripted) list(w http.ResponseWriter, _ *http.Request) {
	if do := s.listing.Load(); do != nil {
		(*do)()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []docker.Summary{}
	for id := range s.containers {
		list = append(list, docker.Summary{ID: id, Names: []string{"/" + id}, Image: "load:1", State: "running"})
	}
	_ = json.NewEncoder(w).Encode(list)
}

func (s *scripted) inspect(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	text, ok := s.containers[r.PathValue("id")]
	s.mu.Unlock()
	switch {
	case !ok:
		http.NotFound(w, r)
	case text == "":
		<-r.Context().Done()
	default:
		fmt.Fprint(w, text)
	}
}

func (s *scripted) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	stop, open := s.stop, s.open
	open.Add(1)
	s.mu.Unlock()
	defer open.Done()
	w.(http.Flusher).Flush()
	for {
		select {
		case e := <-s.events:
			fmt.Fprintln(w, e)
			w.(http.Flusher).Flush()
		case <-stop:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// cut ends the streams that are open, also those whose client went away just now: none of them takes an event that is told later.
func (s *scripted) cut() {
	s.mu.Lock()
	open := s.open
	close(s.stop)
	s.stop, s.open = make(chan struct{}), new(sync.WaitGroup)
	s.mu.Unlock()
	open.Wait()
}

func (s *scripted) set(id, inspect string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers[id] = inspect
}

// unset makes the engine have a container no more.
func (s *scripted) unset(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers, id)
}

// tell sends an event that happens now, and returns it. A die has the exit code 3.
func (s *scripted) tell(id, action string) (sent string) { return s.tellCode(id, action, 3) }

func (s *scripted) tellCode(id, action string, code int) (sent string) {
	return s.tellAt(id, action, code, time.Now())
}

// tellAll sends events that happen at once, one after the other, however long it takes to send them.
func (s *scripted) tellAll(id string, actions ...string) {
	now := time.Now()
	for i, action := range actions {
		s.tellAt(id, action, 3, now.Add(time.Duration(i)))
	}
}

func (s *scripted) tellAt(id, action string, code int, at time.Time) (sent string) {
	sent = fmt.Sprintf(`{"Type":"container","Action":%q,"Actor":{"ID":%q,"Attributes":{"name":%q,"image":"load:1","exitCode":"%d","signal":"9","oldName":"/old"}},"timeNano":%d}`,
		action, id, id, code, at.UnixNano())
	s.events <- sent
	return sent
}

// tellImage sends an event of an image that happened at a time.
func (s *scripted) tellImage(image, action string, at time.Time) {
	s.events <- fmt.Sprintf(`{"Type":"image","Action":%q,"Actor":{"ID":"sha256:0a1b","Attributes":{"name":%q}},"timeNano":%d}`, action, image, at.UnixNano())
}

// answer is what an inspect says of a container.
func answer(id, state string) string {
	return fmt.Sprintf(`{"Id":%q,"Name":"/%s","Config":{"Image":"load:1"},"HostConfig":{"RestartPolicy":{"Name":"always"}},"State":{%s}}`, id, id, state)
}

// A container under --rm may be gone before Docker can be asked: its events
// are told all the same, without what is not known.
func TestContainerGoneBeforeInspect(t *testing.T) {
	s := newScripted(t)
	written, table := following(t, s.path)
	connected(t, table)
	for _, action := range []string{"create", "start", "die", "destroy"} {
		s.tell("quick", action)
	}
	want := []string{"start", "die 3 requested=false", "destroy"}
	points := written.awaitPoints(t, len(want), influx.ContainerEvent, "quick")
	if diff := cmp.Diff(want, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range points {
		image, _ := p.Text(influx.FieldImage)
		version, _ := p.Text(influx.FieldVersion)
		if _, known := p.Text(influx.FieldRestartPolicy); known || image != "load" || version != "1" {
			t.Errorf("%v", p)
		}
	}
	if all := table.All(); len(all) > 0 {
		t.Errorf("the table still has %v", all)
	}
}

// docker stop of a container under --rm: Docker may tell that it stopped after that it was destroyed, and what was asked of it before may be
// answered then. All is told with what is known of it, and nothing of it stays.
func TestStoppedAfterItsDestroy(t *testing.T) {
	s := newScripted(t)
	client, table, written := docker.New(s.path), docker.NewTable(), &recorder{}
	t.Cleanup(client.Close)
	f := newFollower(client, table, newLastSamples(), written, testHost, newMemory("", time.Now(), durable, testLog(t)), newLedger("", "", time.Time{}, testLog(t)))
	at := time.Now()
	c := docker.Container{ID: "job", Name: "job", Status: "running", PID: 1, RestartPolicy: "no", AutoRemove: true, StartedAt: at.Add(-time.Minute)}
	table.Replace([]docker.Container{c})
	f.ledger.keep(map[string]event.Life{c.ID: {Began: c.StartedAt, Name: c.Name}}, nil)
	for _, action := range []string{docker.ActionKill, docker.ActionDie, docker.ActionDestroy} {
		go f.happened(t.Context(), docker.Event{ID: c.ID, Name: c.Name, Action: action, At: at, Signal: "15"})
		(<-f.inbox)()
	}
	f.asked[c.ID] = false // after its death, and answered before its destroy
	c.Status, c.PID, c.FinishedAt = "exited", 0, at
	f.answered(t.Context(), c.ID, c, nil)
	go f.happened(t.Context(), docker.Event{ID: c.ID, Name: c.Name, Action: docker.ActionStop, At: at})
	(<-f.inbox)()
	f.expire(at.Add(time.Minute)) // what was suspected, had there been anything
	points := written.of(influx.ContainerEvent, c.Name)
	if diff := cmp.Diff([]string{"kill 15", "die 0 requested=true", "destroy", "stop"}, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range points {
		policy, _ := p.Text(influx.FieldRestartPolicy)
		if removes, known := p.Bool(influx.FieldAutoRemove); !known || !removes || policy != "no" {
			t.Errorf("found %v, expected its restart policy and that it removes itself", p)
		}
	}
	if all := table.All(); len(all) > 0 {
		t.Errorf("the table still has %v", all)
	}
	if f.remember(time.Now()); len(f.parted) != 1 {
		t.Errorf("known at once: %v", f.parted)
	}
	if f.remember(time.Now().Add(lastWords)); len(f.parted) > 0 {
		t.Errorf("known for ever: %v", f.parted)
	}
}

// That Docker has killed for want of memory is told, and kept in the table until the next start.
func TestOutOfMemoryIsTold(t *testing.T) {
	s := newScripted(t)
	s.set("web", answer("web", `"Status":"running","Pid":1`))
	written, table := following(t, s.path)
	connected(t, table)
	s.tell("web", "oom")
	points := written.awaitPoints(t, 2, influx.ContainerEvent, "web")
	if diff := cmp.Diff([]string{"present running", "oom"}, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c, _ := table.Find("web"); !c.OOMKilled {
		t.Errorf("the table has %+v", c)
	}
}

// Docker answers no inspect of a container that starts: others' events go by,
// and its own are told when the wait is over.
func TestInspectThatHangs(t *testing.T) {
	s := newScripted(t)
	s.set("web", answer("web", `"Status":"running","Pid":1`))
	written, table := following(t, s.path)
	connected(t, table)
	const rounds = 5 // the machine may stand still in one
	for round := range rounds {
		stuck := fmt.Sprintf("stuck%d", round)
		s.set(stuck, "")
		s.tell(stuck, "create")
		begun := time.Now()
		s.tell(stuck, "start")
		s.tell("web", "pause")
		written.awaitPoints(t, 2+round, influx.ContainerEvent, "web")
		took := time.Since(begun)
		written.awaitPoints(t, 1, influx.ContainerEvent, stuck)
		if took <= inspectTimeout/2 {
			return
		}
		t.Logf("an event of another container took %s", took)
	}
	t.Errorf("an event of another container waited in each of %d rounds", rounds)
}

// However many events of a container come while Docker does not answer for it, they are told in their order.
func TestManyEventsWhileAnInspectHangs(t *testing.T) {
	for name, before := range map[string]string{
		"nothing is known of it": "",
		"Docker must be asked for its exit code": strings.Replace(answer("stuck", `"Status":"running","Pid":1,"StartedAt":"2026-01-01T00:00:00Z"`),
			`"Image":"load:1"`, `"Image":"load:1","Labels":{"exitCode":"3"}`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScripted(t)
			if before != "" {
				s.set("stuck", before)
			}
			written, table := following(t, s.path)
			connected(t, table)
			var want []string
			if before != "" {
				want = append(want, "present running")
			}
			s.set("stuck", "")
			s.tell("stuck", "die")
			for i := range 3 * maxWaiting {
				s.tell("stuck", []string{"pause", "unpause"}[i%2])
				want = append(want, []string{"pause", "unpause"}[i%2])
			}
			points := written.awaitPoints(t, len(want)+1, influx.ContainerEvent, "stuck")
			got := texts(points)
			die := slices.IndexFunc(got, func(text string) bool { return strings.HasPrefix(text, "die") })
			if die < 0 {
				t.Fatalf("no death among %v", got)
			}
			if diff := cmp.Diff(want, slices.Delete(got, die, die+1)); diff != "" { // the death is held, to see who asked for it
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Docker itself was restarted and remembers no events: a death that nobody saw
// is told once, at the time that Docker noted.
func TestDeathThatNobodySaw(t *testing.T) {
	s := newScripted(t)
	s.set("web", answer("web", `"Status":"running","Pid":1`))
	s.set("old", answer("old", `"Status":"exited","ExitCode":1,"FinishedAt":"2026-01-01T00:00:00Z"`))
	written, table := following(t, s.path)
	connected(t, table)
	written.awaitPoints(t, 1, influx.ContainerEvent, "web")
	ended := time.Now()
	s.set("web", answer("web", `"Status":"exited","ExitCode":9,"FinishedAt":"`+ended.UTC().Format(time.RFC3339Nano)+`"`))
	s.cut()
	points := written.awaitPoints(t, 3, influx.ContainerEvent, "web")
	want := []string{"present running", "present exited", "die 9 requested=false"}
	if diff := cmp.Diff(want, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := points[2].Time; !got.Equal(ended) {
		t.Errorf("the death is said to be at %s, expected %s", got, ended)
	}
	if got := texts(written.of(influx.ContainerEvent, "old")); strings.Contains(fmt.Sprint(got), "die") {
		t.Errorf("an old death is told: %v", got)
	}
}

// Docker was killed, a container ended meanwhile, and Docker tells of it without its exit code, which it has noted.
func TestDeathOfWhichDockerTellsNoExitCode(t *testing.T) {
	s := newScripted(t)
	const began = `"StartedAt":"2026-01-01T00:00:00Z"`
	s.set("web", answer("web", `"Status":"running","Pid":1,`+began))
	written, table := following(t, s.path)
	connected(t, table)
	written.awaitPoints(t, 1, influx.ContainerEvent, "web")
	s.set("web", answer("web", `"Status":"exited","ExitCode":7,`+began+`,"FinishedAt":"`+time.Now().UTC().Format(time.RFC3339Nano)+`"`))
	s.cut()
	s.tellCode("web", "die", 255)
	points := written.awaitPoints(t, 3, influx.ContainerEvent, "web")
	if diff := cmp.Diff([]string{"present running", "present exited", "die 7 requested=false"}, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c, _ := table.Find("web"); c.ExitCode != 7 {
		t.Errorf("the table has the code %d", c.ExitCode)
	}
}

// Labels stand in for what an event says: a death is told with the exit code that Docker has noted, or with none that is known; the
// others are left out.
func TestLabelsWithTheNamesOfAttributes(t *testing.T) {
	s := newScripted(t)
	const began = `"StartedAt":"2026-01-01T00:00:00Z"`
	claiming := func(id, state string) string {
		return strings.Replace(answer(id, state), `"Image":"load:1"`, `"Image":"load:1","Labels":{"exitCode":"3","signal":"9","oldName":"x"}`, 1)
	}
	for _, id := range []string{"web", "gone", "known"} {
		s.set(id, claiming(id, `"Status":"running","Pid":1,`+began))
	}
	s.set("known", answer("known", `"Status":"running","Pid":1,`+began))
	written, table := following(t, s.path)
	connected(t, table)
	s.set("web", claiming("web", `"Status":"exited","ExitCode":0,`+began+`,"FinishedAt":"`+time.Now().UTC().Format(time.RFC3339Nano)+`"`))
	s.unset("gone")
	for _, id := range []string{"web", "gone", "known"} {
		s.tellAll(id, "kill", "rename", "die", "stop")
	}
	for id, want := range map[string][]string{
		"web":   {"present running", "kill ", "rename", "die 0 requested=true", "stop"},
		"gone":  {"present running", "kill ", "rename", "die 255 requested=true", "stop"},
		"known": {"present running", "kill 9", "rename", "die 3 requested=true", "stop"},
	} {
		points := written.awaitPoints(t, len(want), influx.ContainerEvent, id)
		if diff := cmp.Diff(want, texts(points)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", id, diff)
		}
	}
	if old, _ := written.of(influx.ContainerEvent, "known")[2].Text(influx.FieldOldName); old != "old" {
		t.Errorf("found the old name %q", old)
	}
	for _, p := range written.of(influx.ContainerEvent, "web") {
		_, signal := p.Text(influx.FieldSignal)
		if _, old := p.Text(influx.FieldOldName); old || signal && p.Tag(influx.TagAction) == influx.ActionKill {
			t.Errorf("a label is told as Docker's word: %v", p)
		}
	}
}

// What an inspect shows and no event has told is told, also while the stream lives on.
func TestDeathThatTheStreamLost(t *testing.T) {
	s := newScripted(t)
	const began = `"StartedAt":"2026-01-01T00:00:00Z"`
	for _, id := range []string{"web", "gone"} {
		s.set(id, answer(id, `"Status":"running","Pid":1,`+began))
	}
	client, table, written := docker.New(s.path), docker.NewTable(), &recorder{}
	t.Cleanup(client.Close)
	memory := newMemory("", time.Now(), durable, testLog(t))
	f := newFollower(client, table, newLastSamples(), written, testHost, memory, newLedger("", "", time.Time{}, testLog(t)))
	do := func(fn func()) { // what the loop does
		t.Helper()
		go fn()
		(<-f.inbox)()
		for len(f.asked) > 0 {
			(<-f.inbox)()
		}
	}
	asked := time.Now()
	memory.begin(asked)
	do(func() {
		f.present(t.Context(), inspectAll(t.Context(), client, []docker.Summary{{ID: "web"}, {ID: "gone"}}), asked)
	})
	ended := time.Now().UTC()
	s.set("web", answer("web", `"Status":"exited","ExitCode":9,`+began+`,"FinishedAt":"`+ended.Format(time.RFC3339Nano)+`"`))
	s.unset("gone")
	for minute := range 3 {
		do(func() { f.listed(t.Context(), []docker.Summary{{ID: "web", State: "exited"}}) })
		if minute == 0 && len(f.ledger.suspected["web"].Lost) != 1 {
			t.Errorf("for an agent that comes after a kill the ledger has %v", f.ledger.suspected)
		}
		f.expire(f.missed.Next())
	}
	if len(f.ledger.suspected) > 0 {
		t.Errorf("what is told is suspected still: %v", f.ledger.suspected)
	}
	for id, want := range map[string][]string{"web": {"present running", "die 9 requested=false"}, "gone": {"present running", "gone"}} {
		points := written.of(influx.ContainerEvent, id)
		if diff := cmp.Diff(want, texts(points)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", id, diff)
			continue
		}
		if id == "web" && !points[1].Time.Equal(ended) {
			t.Errorf("the death is said to be at %s, expected %s", points[1].Time, ended)
		}
	}
}

// What was known of a container that was removed while the stream was away explains its end when the stream is back.
func TestRemovedWhileTheStreamWasAway(t *testing.T) {
	s := newScripted(t)
	s.set("web", answer("web", `"Status":"running","Pid":1,"StartedAt":"2026-01-01T00:00:00Z"`))
	written, table := following(t, s.path)
	connected(t, table)
	written.awaitPoints(t, 1, influx.ContainerEvent, "web")
	s.unset("web")
	s.cut()
	s.tellAll("web", "kill", "die", "destroy") // docker rm -f
	points := written.awaitPoints(t, 4, influx.ContainerEvent, "web")
	if diff := cmp.Diff([]string{"present running", "kill 9", "die 3 requested=true", "destroy"}, texts(points)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	policy, _ := points[2].Text(influx.FieldRestartPolicy)
	if _, ran := points[2].Int(influx.FieldLifetimeNs); policy != "always" || !ran {
		t.Errorf("found %v, expected its restart policy and how long it ran", points[2])
	}
}

// The clock was an hour ahead when the agent started, and is put right: what happens then is told, at its time.
func TestTheClockIsPutBack(t *testing.T) {
	s := newScripted(t)
	client, table, written := docker.New(s.path), docker.NewTable(), &recorder{}
	t.Cleanup(client.Close)
	ahead := time.Now().Add(time.Hour)
	memory := newMemory(t.TempDir(), ahead, durable, testLog(t))
	memory.begin(ahead)
	f := newFollower(client, table, newLastSamples(), written, testHost, memory, newLedger("", "", time.Time{}, testLog(t)))
	f.clock(ahead)
	table.Replace([]docker.Container{{ID: "web", Name: "web", Status: "running", PID: 1, RestartPolicy: "no"}})
	f.synced = ahead
	died := time.Now()
	go f.happened(t.Context(), docker.Event{ID: "web", Name: "web", Action: docker.ActionDie, At: died, ExitCode: 3})
	(<-f.inbox)()
	points := written.of(influx.ContainerEvent, "web")
	if diff := cmp.Diff([]string{"die 3 requested=false"}, texts(points)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if c, _ := table.Find("web"); c.Status != "exited" || !points[0].Time.Equal(died) {
		t.Errorf("found it %s, and the death at %s, expected it exited, at %s", c.Status, points[0].Time, died)
	}
	f.remember(time.Now())
	memory.save()
	memory.landed()
	if until := newMemory(filepath.Dir(memory.path), time.Now(), durable, testLog(t)).seenUntil(); until.IsZero() || until.Before(died.Add(-time.Minute)) {
		t.Errorf("the next agent begins at %s", until)
	}
}

// Docker is asked for its containers, and tells of much before it answers: nobody who passes that on has to wait for the agent.
func TestTheStreamIsHeardWhileContainersAreAskedFor(t *testing.T) {
	const events = 1000
	s := newScripted(t)
	s.set("web", answer("web", `"Status":"running","Pid":1`))
	long := strings.Repeat("x", 2000) // all of them are more than a socket holds
	tell := sync.OnceFunc(func() {
		for i := range events {
			s.events <- fmt.Sprintf(`{"Type":"container","Action":"kill","Actor":{"ID":"web","Attributes":{"name":"web","signal":"%d","image":%q}},"timeNano":%d}`, i, long, time.Now().UnixNano())
		}
	})
	s.listing.Store(&tell)
	written, table := following(t, s.path)
	connected(t, table)
	points := written.awaitPoints(t, events, influx.ContainerEvent, "web")
	if diff := cmp.Diff("present running", text(points[0])); diff != "" {
		t.Errorf("what was told first: (-want +got):\n%s", diff)
	}
}

// docker update changes how a container is restarted, which decides what its death means.
func TestANewRestartPolicyIsKnown(t *testing.T) {
	s := newScripted(t)
	policy := func(name string) string {
		return strings.Replace(answer("web", `"Status":"running","Pid":1,"StartedAt":"2026-01-01T00:00:00Z"`), `"always"`, `"`+name+`"`, 1)
	}
	s.set("web", policy("no"))
	written, table := following(t, s.path)
	connected(t, table)
	s.set("web", policy("unless-stopped"))
	s.tell("web", "update")
	await(t, "its new policy", func() bool { c, _ := table.Find("web"); return c.RestartPolicy == "unless-stopped" })
	s.tell("web", "die")
	points := written.awaitPoints(t, 2, influx.ContainerEvent, "web")
	if got, _ := points[1].Text(influx.FieldRestartPolicy); text(points[1]) != "die 3 requested=false" || got != "unless-stopped" {
		t.Errorf("found %v, expected the death with its new policy", points[1])
	}
}

// A lost event is made up for by the next list, and so is an inspect that Docker did not answer in time.
func TestListMakesUpForLostEvents(t *testing.T) {
	s := newScripted(t)
	s.set("web", answer("web", `"Status":"running","Pid":1`))
	s.set("gone", answer("gone", `"Status":"running","Pid":2`))
	table := docker.NewTable()
	client := docker.New(s.path)
	t.Cleanup(client.Close)
	f := newFollower(client, table, newLastSamples(), &recorder{}, testHost, newMemory("", time.Now(), durable, testLog(t)), newLedger("", "", time.Time{}, testLog(t)))
	s.set("slow", answer("slow", `"Status":"running","Pid":4`))
	table.Replace([]docker.Container{
		{ID: "web", Status: "exited", RestartPolicy: "no"},
		{ID: "gone", Status: "running", PID: 2, RestartPolicy: "no"},
		docker.Summary{ID: "slow", State: "running"}.Container(),
	})
	s.mu.Lock()
	delete(s.containers, "gone")
	s.mu.Unlock()
	for range 2 { // what is gone is kept until the second list, for its last events
		f.listed(t.Context(), []docker.Summary{{ID: "web", State: "running"}, {ID: "new", State: "running"}, {ID: "slow", State: "running"}})
		s.set("new", answer("new", `"Status":"running","Pid":3`))
		(<-f.inbox)()
		for range len(f.asked) {
			(<-f.inbox)()
		}
	}
	if web, _ := table.Find("web"); !web.Running() {
		t.Errorf("web is %+v", web)
	}
	if c, _ := table.Find("new"); !c.Running() {
		t.Errorf("new is %+v", c)
	}
	if c, _ := table.Find("slow"); !c.Running() {
		t.Errorf("slow is %+v", c)
	}
	if c, known := table.Find("gone"); known {
		t.Errorf("gone is still known: %+v", c)
	}
}

// What no event tells is asked for: how many health checks have failed, at the change and with each list until they succeed again.
// Meanwhile it is not known, and no zero.
func TestFailingStreak(t *testing.T) {
	s := newScripted(t)
	health := func(status string, streak int) string {
		return answer("web", fmt.Sprintf(`"Status":"running","Pid":1,"Health":{"Status":%q,"FailingStreak":%d}`, status, streak))
	}
	table := docker.NewTable()
	client := docker.New(s.path)
	t.Cleanup(client.Close)
	f := newFollower(client, table, newLastSamples(), &recorder{}, testHost, newMemory("", time.Now(), durable, testLog(t)), newLedger("", "", time.Time{}, testLog(t)))
	table.Replace([]docker.Container{{ID: "web", Name: "web", Status: "running", PID: 1, RestartPolicy: "no", Health: docker.Healthy}})
	sampler, _ := testSampler(t, table)
	expect := func(when, status string, want int64) {
		t.Helper()
		points := tick(t, sampler, time.Unix(1000, 0))["web"][influx.ContainerHealth]
		if len(points) != 1 {
			t.Fatalf("%s: %v", when, points)
		}
		found, _ := points[0].Text(influx.FieldHealthStatus)
		got, ok := points[0].Int(influx.FieldFailingStreak)
		if found != status || ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: found %s, %d, %v, expected %s, %d", when, found, got, ok, status, want)
		}
	}
	at := time.Now()
	happens := func(health string) {
		at = at.Add(time.Millisecond)
		f.apply(t.Context(), docker.Event{ID: "web", Action: docker.ActionHealth, At: at, Health: health})
	}
	next := func() func() {
		t.Helper()
		select {
		case do := <-f.inbox:
			return do
		case <-time.After(patience):
			t.Fatalf("nobody was asked within %s", patience)
			return nil
		}
	}
	list := func() {
		f.listed(t.Context(), []docker.Summary{{ID: "web", State: "running"}})
		next()()
	}
	expect("at first", "healthy", 0)

	s.set("web", health("unhealthy", 3))
	happens("unhealthy")
	expect("until Docker has answered", "unhealthy", -1)
	next()()
	expect("once it has", "unhealthy", 3)

	s.set("web", health("unhealthy", 9))
	list()
	next()()
	expect("at the next list", "unhealthy", 9)

	list()
	answered := next()
	happens("healthy") // after Docker has answered otherwise
	s.set("web", health("healthy", 0))
	answered()
	expect("after it mended", "healthy", 0)
	next()()
	expect("once that is sure", "healthy", 0)
	list()
	if len(f.asked) > 0 {
		t.Error("Docker is asked about a container that is well")
	}
}

// What the engine says of itself is asked for again; what it said stays when it does not answer.
func TestEngineIsAskedAgain(t *testing.T) {
	s := newScripted(t)
	table := docker.NewTable()
	client := docker.New(s.path)
	t.Cleanup(client.Close)
	session := &session{client: client, table: table}
	for want := 1; want <= 2; want++ {
		session.refresh(t.Context())
		if engine, _, up := table.Engine(); engine.Images != want || !up {
			t.Errorf("asked %d times: %+v, up %v", want, engine, up)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	session.refresh(ended)
	if engine, _, _ := table.Engine(); engine.Images != 2 {
		t.Errorf("%+v, expected what it said before", engine)
	}
	sampler, _ := testSampler(t, table)
	points := tick(t, sampler, time.Unix(1000, 0))[""][influx.Docker]
	if n, ok := points[0].Int(influx.FieldNImages); len(points) != 1 || n != 2 || !ok {
		t.Errorf("%v", points)
	}
}
