package packaging

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/packaging/influxd"
	"nezuban/packaging/testenv"
)

// Environment of the agent's crash test, for `make crash-agent` and for a run that is to be repeated.
const (
	agentCrashesEnv   = "NEZUBAN_AGENT_CRASHES"    // how many times something is killed or stopped; 6 unless set
	agentCrashSeedEnv = "NEZUBAN_AGENT_CRASH_SEED" // from which every moment and choice is drawn; the time unless set
)

const (
	agentHost       = "crash-host"
	steadyCount     = 10 // containers that run all the time, and come back with their engine
	smallestSpool   = 1 << 20
	overflowsWithin = 3 * time.Minute // of samples that nobody takes
	agentPatience   = 2 * time.Minute
)

// TestWhatTheAgentTellsIsWhatHappened kills the agent, restarts the Docker engine, by TERM and by KILL, and stops InfluxDB, at moments
// drawn from a seed, while containers begin and end; once InfluxDB stays away until the agent's spool has no room left. The test and
// the engine write down what began and what ended. InfluxDB must have each start and each death once, deaths with their exit code; a
// sample of each container that ran for each round of the agent; and each round but those that the spool had no room for, which are
// all of the time when the test let it overflow.
func TestWhatTheAgentTellsIsWhatHappened(t *testing.T) {
	c := newAgentCrashes(t)
	c.begin()
	c.breakThings(crashCount(t, agentCrashesEnv, 6))
	c.rest()
	c.settle()
	c.check()
}

// agentCrashes is one run: an agent, an engine and an InfluxDB that end again and again, and the book of what happened.
type agentCrashes struct {
	t      *testing.T
	random *rand.Rand // of the breaker alone
	stack  *stack
	engine *testenv.DockerEngine
	client *http.Client
	image  string
	output influx.Output
	addr   string // of InfluxDB
	server *influxd.Server
	listen string // of the agent
	agent  *process

	steady    []string
	lives     map[string][]lifespan // of the steady ones, by name
	ends      map[string]state      // of the short ones
	runs      []span                // of the agent
	away      []span                // of the engine
	overflown []span                // from when InfluxDB was stopped, for the overflow or another time that was too long, until later drops were looked for
	stopped   time.Time             // when InfluxDB was; zero once all that waited then has been sent
	known     float64               // lines that the agent has dropped since its start, when that was looked at last

	mu    sync.Mutex
	asked map[string]int // exit code of each short container that the engine was asked to start, by name
}

// lifespan is one run of a container, as the engine has noted it; ended is zero while nobody has seen its end.
type lifespan struct{ began, ended time.Time }

// span is a time between two moments.
type span struct{ from, to time.Time }

func (s span) holds(at time.Time) bool { return !at.Before(s.from) && !at.After(s.to) }

func newAgentCrashes(t *testing.T) *agentCrashes {
	t.Helper()
	c := &agentCrashes{
		t: t, random: rand.New(rand.NewPCG(crashSeed(t, agentCrashSeedEnv), 0)), stack: &stack{t: t, dir: t.TempDir()},
		addr: testenv.FreeAddress(t), listen: testenv.FreeAddress(t),
		lives: make(map[string][]lifespan), ends: make(map[string]state), asked: make(map[string]int),
	}
	c.engine = testenv.Dockerd(t)
	c.client, c.image = c.engine.Client(), c.engine.Image()
	c.startInflux()
	t.Cleanup(func() { c.server.Stop() })
	c.output = influx.Output{Name: "influxdb", URLs: []string{"http://" + c.addr}, Bucket: "nezuban"}
	c.stack.write("agent.toml", fmt.Sprintf(`host = %q
interval = "1s"
docker_socket = %q
state_dir = "state"
listen = %q
spool_max_bytes = %d
[[output]]
name = "influxdb"
url = "http://%s"
`, agentHost, c.engine.Socket, c.listen, smallestSpool, c.addr), 0o600)
	return c
}

func (c *agentCrashes) startInflux() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 90*time.Second)
	defer cancel()
	dir := c.stack.path("influxdb")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	server, err := influxd.Start(ctx, testenv.InfluxdPath(c.t), dir, c.addr, influxd.Options{}, io.Discard)
	if err != nil {
		c.t.Fatal(err)
	}
	c.server = server
}

func (c *agentCrashes) startAgent() {
	c.t.Helper()
	c.agent = start(c.t, "nezuban-agent", "run", "-config", c.stack.path("agent.toml"))
	c.stack.awaitReady("http://" + c.listen + "/readyz")
	c.runs = append(c.runs, span{from: time.Now()})
	c.known = 0
}

// killAgent ends the agent as a crash would; it may write on until the kill has come.
func (c *agentCrashes) killAgent() {
	c.noteDrops()
	c.runs[len(c.runs)-1].to = time.Now()
	c.agent.kill()
}

// begin starts the agent beside a first container, and the others once it follows the engine: what is there before is told as present.
func (c *agentCrashes) begin() {
	c.t.Helper()
	c.create("anchor", `"RestartPolicy":{"Name":"always"}`, "sleep")
	c.must(http.MethodPost, "/containers/anchor/start", nil)
	c.startAgent()
	eventually(c.t, agentPatience, "the agent follows docker, and remembers until when", func() bool {
		_, err := os.Stat(c.stack.path("state/docker-seen"))
		return err == nil
	})
	for i := range steadyCount {
		name := fmt.Sprintf("steady-%d", i)
		c.create(name, `"RestartPolicy":{"Name":"always"}`, "sleep")
		c.must(http.MethodPost, "/containers/"+name+"/start", nil)
		c.steady = append(c.steady, name)
	}
	c.note()
}

// breakThings ends and starts parts, so many times, while short containers begin and end. In the middle the spool overflows.
func (c *agentCrashes) breakThings(times int) {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	var starting sync.WaitGroup
	shorts := rand.New(rand.NewPCG(c.random.Uint64(), 1))
	starting.Go(func() { c.startShorts(ctx, shorts) })
	defer starting.Wait()
	defer stop()
	for n := range times {
		if n == times/2 {
			c.overflow()
		}
		switch kind := c.random.IntN(5); kind {
		case 0, 1:
			c.killAgent()
			c.pause(2000)
			c.startAgent()
		case 2:
			c.awaitFollowing(0)
			before := c.followed()
			c.restartEngine(func() {})
			c.awaitFollowing(before)
		case 3: // nobody looks while the engine forgets
			c.killAgent()
			c.restartEngine(func() { c.pause(500) })
			c.startAgent()
			c.awaitFollowing(0)
		case 4:
			c.outage()
		}
		c.pause(4000)
	}
}

// rest waits until the agent has sampled all containers for some rounds without a disturbance.
func (c *agentCrashes) rest() {
	c.t.Helper()
	begun := time.Now()
	eventually(c.t, agentPatience, "some calm rounds", func() bool {
		for at := range c.rounds() {
			if machine.Ran(begun, at) > knownAfter+10*round {
				return true
			}
		}
		return false
	})
	c.noteDrops()
}

// pause lets things happen for a time that is drawn, up to so many milliseconds.
func (c *agentCrashes) pause(most int) {
	time.Sleep(time.Duration(c.random.IntN(most)) * time.Millisecond)
}

// restartEngine ends the engine and starts it again; in between it does something.
func (c *agentCrashes) restartEngine(between func()) {
	c.t.Helper()
	from := time.Now()
	if c.random.IntN(2) == 0 {
		c.engine.Kill()
	} else {
		c.engine.Stop()
	}
	between()
	c.engine.Start()
	c.note()
	c.away = append(c.away, span{from, time.Now()})
}

// followed is how often the agent that runs has said that it follows the engine.
func (c *agentCrashes) followed() int {
	return strings.Count(c.agent.logged(), "following docker")
}

// awaitFollowing waits until the agent has looked at the engine that was started: an engine keeps of several lives of a container the last
// alone, and nobody can tell of one that began and ended while no agent looked.
func (c *agentCrashes) awaitFollowing(before int) {
	c.t.Helper()
	eventually(c.t, agentPatience, "the agent follows docker again", func() bool { return c.followed() > before })
}

// overflow keeps InfluxDB away until the agent has dropped something, and kills the agent on the way there.
func (c *agentCrashes) overflow() {
	c.t.Helper()
	c.stopInflux()
	c.pause(8000)
	c.killAgent()
	c.startAgent()
	eventually(c.t, overflowsWithin, "the spool has no room left", func() bool { return c.dropped() > 0 })
	c.pause(3000)
	c.startInflux()
	eventually(c.t, agentPatience, "what waited has been sent", func() bool {
		return c.metric(`nezuban_output_queue_bytes{output="influxdb"}`) == 0
	})
	c.noteDrops()
}

// outage stops InfluxDB for a moment. On a machine that has much to do, or many containers, the spool may overflow until all that waited
// has been sent, which the agent then says.
func (c *agentCrashes) outage() {
	c.t.Helper()
	c.stopInflux()
	c.pause(3000)
	c.startInflux()
	c.noteDrops()
}

func (c *agentCrashes) stopInflux() {
	c.t.Helper()
	c.noteDrops()
	if c.stopped.IsZero() {
		c.stopped = time.Now()
	}
	c.server.Stop()
}

// noteDrops looks whether the agent has dropped something since InfluxDB was stopped, and forgets that once nothing of then waits any more.
func (c *agentCrashes) noteDrops() {
	c.t.Helper()
	waits := c.metric(`nezuban_output_queue_bytes{output="influxdb"}`)
	dropped := c.dropped()
	if dropped > c.known && !c.stopped.IsZero() {
		c.overflown = append(c.overflown, span{c.stopped, time.Now()})
		c.known = dropped
	}
	if waits == 0 {
		c.stopped = time.Time{}
	}
}

// dropped is how many lines the agent has dropped since its start.
func (c *agentCrashes) dropped() float64 {
	return c.metric(`nezuban_output_lines_dropped_total{output="influxdb"}`)
}

// metric is one of the agent's figures; -1 when it cannot be had.
func (c *agentCrashes) metric(name string) float64 {
	resp, err := http.Get("http://" + c.listen + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(body)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			if value, err := strconv.ParseFloat(text, 64); err == nil {
				return value
			}
		}
	}
	return -1
}

// startShorts starts short containers, one after the other, until ctx ends. The engine may be away: what it then makes of a request it
// knows itself.
func (c *agentCrashes) startShorts(ctx context.Context, random *rand.Rand) {
	for i := 0; ctx.Err() == nil; i++ {
		name, code := fmt.Sprintf("short-%d", i), random.IntN(126)
		body := c.body(`"RestartPolicy":{"Name":"no"}`, "exit", strconv.Itoa(code), "after", fmt.Sprintf("%dms", random.IntN(3000)))
		if status, _ := c.call(ctx, http.MethodPost, "/containers/create?name="+name, body); status == http.StatusCreated {
			c.mu.Lock()
			c.asked[name] = code
			c.mu.Unlock()
			c.call(ctx, http.MethodPost, "/containers/"+name+"/start", nil)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.IntN(600)) * time.Millisecond):
		}
	}
}

func (c *agentCrashes) body(hostConfig string, command ...string) []byte {
	text, err := json.Marshal(command)
	if err != nil {
		c.t.Error(err)
	}
	return fmt.Appendf(nil, `{"Image":%q,"Cmd":%s,"HostConfig":{"NetworkMode":"none",%s}}`, c.image, text, hostConfig)
}

func (c *agentCrashes) create(name, hostConfig string, command ...string) {
	c.t.Helper()
	c.must(http.MethodPost, "/containers/create?name="+name, c.body(hostConfig, command...))
}

// call asks the engine; the status is 0 when it does not answer.
func (c *agentCrashes) call(ctx context.Context, method, path string, body []byte) (status int, answer []byte) {
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, bytes.NewReader(body))
	if err != nil {
		return 0, []byte(err.Error())
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	answer, _ = io.ReadAll(resp.Body)
	return resp.StatusCode, answer
}

func (c *agentCrashes) must(method, path string, body []byte) []byte {
	c.t.Helper()
	status, answer := c.call(c.t.Context(), method, path, body)
	if status == 0 || status >= 300 {
		c.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// state is what the engine has noted of a container.
type state struct {
	Running               bool
	ExitCode              int
	StartedAt, FinishedAt time.Time
}

func (c *agentCrashes) inspect(name string) state {
	c.t.Helper()
	var container struct{ State state }
	if err := json.Unmarshal(c.must(http.MethodGet, "/containers/"+name+"/json", nil), &container); err != nil {
		c.t.Fatal(err)
	}
	return container.State
}

// note writes down the lives of the steady containers, once all run.
func (c *agentCrashes) note() {
	c.t.Helper()
	for _, name := range c.steady {
		var s state
		eventually(c.t, agentPatience, name+" runs", func() bool { s = c.inspect(name); return s.Running })
		lives := c.lives[name]
		if n := len(lives); n > 0 && !lives[n-1].began.Equal(s.StartedAt) {
			lives[n-1].ended = s.FinishedAt
		} else if n > 0 {
			continue
		}
		c.lives[name] = append(lives, lifespan{began: s.StartedAt})
	}
}

// settle waits until all that is to come has come, and ends the agent.
func (c *agentCrashes) settle() {
	c.t.Helper()
	for name := range c.asked {
		var s state
		eventually(c.t, agentPatience, name+" ends", func() bool { s = c.inspect(name); return !s.Running })
		c.ends[name] = s
	}
	c.note()
	missing := "any"
	defer func() {
		if c.t.Failed() {
			c.t.Logf("not all is told of %s", missing)
		}
	}()
	eventually(c.t, agentPatience, "a start and a death of all is told", func() bool {
		starts, err := c.events(influx.ActionStart, influx.FieldContainerID)
		dies, more := c.events(influx.ActionDie, influx.FieldExitCode)
		if err != nil || more != nil {
			return false
		}
		for name, s := range c.ends {
			if !s.StartedAt.IsZero() && (len(starts[name]) == 0 || len(dies[name]) == 0) {
				missing = fmt.Sprintf("%s, which began at %s and ended at %s; told are starts %v and deaths %v", name, s.StartedAt, s.FinishedAt, starts[name], dies[name])
				return false
			}
		}
		for name, lives := range c.lives {
			if len(starts[name]) < len(lives) || len(dies[name]) < len(lives)-1 {
				missing = fmt.Sprintf("%s, which had the lives %v; told are starts %v and deaths %v", name, lives, starts[name], dies[name])
				return false
			}
		}
		return true
	})
	c.runs[len(c.runs)-1].to = time.Now()
	c.agent.stop(c.t)
}

// found is one event as InfluxDB has it.
type found struct {
	at    time.Time
	value any
}

// events are those of an action, by container's name, in the order of their times, each with one of its fields.
func (c *agentCrashes) events(action, field string) (map[string][]found, error) {
	return c.query(fmt.Sprintf(`r._measurement == %q and r.action == %q and r._field == %q`, influx.ContainerEvent, action, field))
}

// query gives what a condition holds for, by container's name.
func (c *agentCrashes) query(condition string) (map[string][]found, error) {
	rows, err := influx.Query(c.t.Context(), c.output, `from(bucket: "nezuban") |> range(start: -6h) |> filter(fn: (r) => `+condition+`)`)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]found)
	for _, row := range rows {
		name, _ := row[influx.TagContainerName].(string)
		at, _ := row["_time"].(time.Time)
		all[name] = append(all[name], found{at, row["_value"]})
	}
	for _, one := range all {
		slices.SortFunc(one, func(a, b found) int { return a.at.Compare(b.at) })
	}
	return all, nil
}
