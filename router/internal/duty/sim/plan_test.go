package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/checks/check"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

// rotation is the file in force: alice hands off to bob an hour and a half after the beginning, which is midnight.
const rotation = `zone = "UTC"
[people]
alice = { page = ["pagerduty", "1m sms"], ticket = ["email"] }
bob   = { page = ["sms", "2m terminal"], ticket = ["terminal"] }
carol = { page = ["terminal", "sms"], ticket = ["email", "3m terminal"] }
dave  = { page = ["email"], ticket = ["email"] }
[schedule.primary]
layers = [{ name = "base", every = "1d", from = "1999-12-31 01:30", who = ["alice", "bob"] }]
[policy.standard]
steps = [{ page = "primary", wait = "5m" }, { page = ["carol", "bob"], pick = "rotate", wait = "10m" }]
repeat = 1
fallback = "dave"
ack_timeout = "25m"
[policy.slow]
steps = [{ page = ["primary", "carol"], wait = "15m" }]
fallback = "carol"
ack_timeout = "40m"
[policy.hasty]
steps = [{ page = "carol", wait = "30s" }, { page = "carol", wait = "10m" }]
fallback = "bob"
ack_timeout = "25m"
[[route]]
match = { team = "slow" }
policy = "slow"
[[route]]
match = { team = "hasty" }
policy = "hasty"
[[route]]
policy = "standard"
`

// policies is what the oracle knows of them.
var policies = map[string]struct {
	waits      []time.Duration
	ackTimeout time.Duration
}{
	"standard": {[]time.Duration{5 * time.Minute, 10 * time.Minute}, 25 * time.Minute},
	"slow":     {[]time.Duration{15 * time.Minute}, 40 * time.Minute},
	"hasty":    {[]time.Duration{30 * time.Second, 10 * time.Minute}, 25 * time.Minute},
}

const fallbackEvery = 30 * time.Minute

const (
	memoryFor   = time.Minute
	absentAfter = 3 * time.Minute
	beat        = 55 * time.Second // between two batches of samples of an agent or a location
	checkEvery  = 60 * time.Second
)

// settings are the same in every run.
type settings struct {
	rules     *rule.Set
	files     []*schedule.File
	incidents incident.Settings
}

// What brings alerts together and keeps them from paging.
const (
	groupWithin  = time.Minute
	reopenWithin = 5 * time.Minute
	flapQuiet    = 10 * time.Minute
	windowOpens  = 70 * time.Minute // after the beginning, which is a Saturday's
	windowCloses = 95 * time.Minute
	windowHours  = "Sat 01:10-01:35"
	windowHost   = "web2"
)

// caps are what the storm guard lets through in a minute.
var caps = map[string]int{"pagerduty": 5, "sms": 5, "email": 5, "terminal": 5}

func parse() (settings, error) {
	limit, hold, after := 90.0, tomlfile.Duration(memoryFor), tomlfile.Duration(absentAfter)
	config := rule.Config{Rules: []rule.RuleConfig{
		{ID: "container-died", Kind: "container_died"},
		{ID: "memory", Kind: "threshold", Measurement: "mem", Field: "used_percent", Above: &limit, For: &hold, By: []string{"host"}, Severity: incident.SeverityPage},
		{ID: "agent-gone", Kind: "absence", Measurement: "nezuban_agent", After: &after, By: []string{"host"}},
	}}
	var checks []check.Check
	for _, name := range []string{"shop", "blog"} {
		checks = append(checks, check.Check{Name: name, URL: "https://" + name + ".example/", Interval: checkEvery, Timeout: 10 * time.Second, Severity: "page", Locations: []string{"l0", "l1", "l2"}})
	}
	set, problems := rule.Compile(config, checks, nil)
	if err := problems.Err(); err != nil {
		return settings{}, err
	}
	lifecycle, err := lifecycle()
	s := settings{rules: set, incidents: lifecycle}
	for _, text := range []string{rotation, rotation + "[[change]]\nadd = { on = \"primary\", who = \"carol\", from = \"2000-01-01 00:00\", to = \"2000-01-03 00:00\" }\n"} {
		if err != nil {
			break
		}
		var f *schedule.File
		f, err = schedule.Parse("oncall.toml", []byte(text))
		s.files = append(s.files, f)
	}
	return s, err
}

func lifecycle() (incident.Settings, error) {
	hours, err := schedule.ParseHours([]string{windowHours}, "UTC")
	if err != nil {
		return incident.Settings{}, err
	}
	var all [3]incident.Matchers
	for i, text := range []string{"rule=agent-gone", "container_name!=", "host=" + windowHost} {
		m, err := incident.ParseMatcher(text)
		if err != nil {
			return incident.Settings{}, err
		}
		all[i] = incident.Matchers{m}
	}
	return incident.Settings{
		Groups:       []incident.Group{{ID: "deaths", Rules: []string{"container-died"}, By: []string{"host"}, Within: groupWithin}},
		ReopenWithin: reopenWithin,
		Flapping:     incident.Flapping{Reopenings: 2, Within: time.Hour, Quiet: flapQuiet},
		Suppressions: []incident.Suppression{{ID: "host-gone", Source: all[0], Target: all[1], Equal: []string{"host"}}},
		Maintenance:  []incident.Maintenance{{ID: "update", Matchers: all[2], Hours: hours}},
	}, nil
}

// host is a machine with an agent.
type host struct {
	world *world
	name  string
	spool *spool
	gone  bool // its agent does not run
	high  bool // its memory is
}

// How many alerts of each kind are sent in every run, at least: leastAlerts together.
const (
	containers = 16
	flappings  = 5  // deaths of one container
	errorKeys  = 14 // errors, each of which is seen twice or more often
	manuals    = 3
)

// plan decides what happens in a run, and when. Each death, error and call for help is sent until it is taken: they alone
// make up the alerts that a run must have.
func (w *world) plan() {
	r := w.rand("plan")
	moment := func() time.Duration { return between(r, calmStart, stormEnd) }
	hosts := w.hosts(r, moment)
	for i := range containers {
		h, at := hosts[i%len(hosts)], moment()
		if i < 6 { // they die together
			h = hosts[i/3]
			at = between(w.rand("burst", i/3), calmStart, stormEnd) + between(r, 0, groupWithin)
		}
		w.after(at, fmt.Sprint("container ", i), func() { h.container(i, w.rand("container", i)) })
	}
	w.after(between(r, calmStart, stormEnd-40*time.Minute), "flapping", func() { hosts[r.IntN(2)].flapping(w.rand("flapping"), flappings) })
	if one(r, 5) {
		w.after(moment(), "mass", func() { hosts[2].mass(w.rand("mass")) })
	}
	app, storm := w.spool("app"), moment()
	if !one(r, 3) {
		storm = 0
	}
	for i := range errorKeys {
		at := moment()
		if storm > 0 && i < 12 {
			at = storm + between(r, 0, 20*time.Second)
		}
		w.after(at, fmt.Sprint("error ", i), func() { w.errorSeen(app, i, w.rand("error", i)) })
	}
	down := map[string]bool{}
	for i := range 3 {
		l := &location{world: w, name: "l" + strconv.Itoa(i), down: down}
		l.spool = w.spool(l.name)
		w.after(between(r, time.Second, checkEvery), "probe "+l.name, l.probe)
	}
	for i := range 4 {
		w.after(moment(), fmt.Sprint("check ", i), func() { w.checkDown(down, []string{"shop", "blog"}[i%2], w.rand("check", i)) })
	}
	for i := range manuals {
		w.after(moment(), fmt.Sprint("manual ", i), func() { w.manual(i, w.rand("manual", i)) })
	}
	for i := range 3 {
		w.after(moment(), fmt.Sprint("silence ", i), func() { w.silence(i, w.rand("silence", i)) })
	}
	w.trouble(r, moment)
}

// hosts are the machines, what happens to their memory, and when their agents are away.
func (w *world) hosts(r *rand.Rand, moment func() time.Duration) []*host {
	var hosts []*host
	for i := range 3 {
		h := &host{world: w, name: "web" + strconv.Itoa(i)}
		h.spool = w.spool(h.name)
		h.spool.silent = func() bool { return h.gone }
		hosts = append(hosts, h)
		w.after(between(r, time.Second, beat), "beat "+h.name, h.beat)
		for range 2 {
			w.after(moment(), "memory "+h.name, func() { h.memory(r) })
		}
		w.after(moment(), "leave "+h.name, func() { h.leave(r) })
	}
	return hosts
}

// trouble decides what goes wrong.
func (w *world) trouble(r *rand.Rand, moment func() time.Duration) {
	for i := range 3 + r.IntN(3) {
		w.after(between(r, calmStart, stormEnd-20*time.Minute), fmt.Sprint("crash ", i), func() { w.crashSoon(w.rand("crash", i)) })
	}
	w.after(stormEnd-12*time.Minute, "crash at last", w.crashAtLast)
	for range r.IntN(3) {
		w.after(moment(), "depose", func() { w.depose(r) })
	}
	for range r.IntN(3) {
		w.after(moment(), "store", func() { w.oracle.troubleStore(between(r, 5*time.Second, time.Minute)) })
	}
	for range r.IntN(4) {
		from := moment()
		o := outage{from, from + between(r, time.Minute, 10*time.Minute)}
		which := channels[r.IntN(len(channels)):]
		if !one(r, 3) {
			which = which[:1]
		}
		for _, channel := range which {
			w.phones.out[channel] = append(w.phones.out[channel], o)
		}
	}
	if one(r, 2) {
		w.after(moment(), "file", func() { w.putInForce(1 - w.file) })
	}
	if w.unsteady = one(r, 2); w.unsteady {
		for range 1 + r.IntN(3) {
			w.after(moment(), "clock", func() { w.stepClock(r) })
		}
	}
}

// crashSoon lets the router crash at some moment, in the next minutes at the latest.
func (w *world) crashSoon(r *rand.Rand) {
	n := w.nodes[len(w.nodes)-1]
	if n.gone() {
		w.at(between(r, time.Second, 5*time.Minute), "crash", func() { w.crashSoon(r) })
		return
	}
	if !one(r, 3) {
		n.setFuse(r, 6)
		w.at(between(r, time.Second, 3*time.Minute), "crash", func() { n.crash(anyTime) })
		return
	}
	n.crash(anyTime)
}

// crashAtLast sees to it that the router has crashed often enough: a crash that is planned may come to one that is down.
func (w *world) crashAtLast() {
	if w.oracle.hasCrashed() >= leastCrashes {
		return
	}
	w.nodes[len(w.nodes)-1].crash(anyTime)
	w.at(time.Minute, "crash at last", w.crashAtLast)
}

// putInForce puts another rotation file in force.
func (w *world) putInForce(file int) {
	w.say("rotation file %d comes in force", file)
	w.oracle.meet(handoffs)
	w.file = file
	for _, n := range w.nodes {
		if !n.gone() {
			n.engine.SetRotation(w.files[file], "v")
		}
	}
}

// stepClock puts the router's clock forward or back.
func (w *world) stepClock(r *rand.Rand) {
	step := between(r, time.Second, 15*time.Second)
	if one(r, 3) {
		step = between(r, time.Minute, time.Hour)
	}
	w.mu.Lock()
	to := step
	if w.offset > 0 || w.offset == 0 && one(r, 2) {
		to = -step
	}
	if w.offset != 0 && one(r, 2) {
		to = 0
	}
	by := to - w.offset
	w.offset = to
	w.mu.Unlock()
	w.say("the routers' clock is put by %s, and is %s off", by, to)
	w.oracle.stepped(by)
}

func tags(pairs ...string) []influx.Tag {
	var list []influx.Tag
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, influx.Tag{Key: pairs[i], Value: pairs[i+1]})
	}
	return list
}

// beat sends the samples of a host.
func (h *host) beat() {
	h.world.at(between(h.spool.rand, beat-5*time.Second, beat+5*time.Second), "beat "+h.name, h.beat)
	if h.gone {
		return
	}
	value := 50.0
	if h.high {
		value = 95
	}
	now, high := time.Now(), h.high
	h.spool.send(batch{points: []influx.Point{
		{Measurement: "nezuban_agent", Time: now, Tags: tags("host", h.name), Fields: []influx.Field{influx.String("state", "up")}},
		{Measurement: "mem", Time: now, Tags: tags("host", h.name), Fields: []influx.Field{influx.Float("used_percent", value)}},
	}, taken: func() {
		o, within := h.world.oracle, memoryFor+beat+15*time.Second
		if time.Since(now) > beat/2 { // it had to wait: then it may be too old to begin with, and the next one begins
			within += beat + 5*time.Second
		}
		o.seen("agent-gone|"+h.name, false, 0, 0)
		if high && h.gone {
			return // it died before the answer came, and no sample follows
		}
		o.seen("memory|"+h.name, high, within, beat+15*time.Second)
	}})
}

func (h *host) memory(r *rand.Rand) {
	h.world.say("the memory of %s is high", h.name)
	h.high = true
	h.world.oracle.reason("memory|" + h.name)
	h.world.at(between(r, 30*time.Second, 20*time.Minute), "memory "+h.name, func() { h.high = false })
}

// leave lets an agent die, and come back.
func (h *host) leave(r *rand.Rand) {
	h.world.say("the agent of %s dies", h.name)
	h.gone = true
	h.world.oracle.reason("agent-gone|" + h.name)
	h.world.oracle.silent("memory|" + h.name)
	h.world.oracle.seen("agent-gone|"+h.name, true, absentAfter+10*time.Second, absentAfter+30*time.Second)
	h.world.at(between(r, time.Minute, 15*time.Minute), "leave "+h.name, func() {
		h.world.say("the agent of %s is back", h.name)
		h.gone = false
		h.world.oracle.silent("agent-gone|" + h.name)
		h.spool.work()
	})
}

func (h *host) event(name, id, action string, fields ...influx.Field) influx.Point {
	return influx.Point{
		Measurement: "container_event", Time: time.Now(), Tags: tags("host", h.name, "container_name", name, "action", action),
		Fields: append(fields, influx.String("container_id", id)),
	}
}

func (h *host) die(name, id, policy string) influx.Point {
	return h.event(name, id, "die", influx.Int("exit_code", 137), influx.Bool("requested", false), influx.String("restart_policy", policy))
}

// container dies, and is started again sooner or later.
func (h *host) container(i int, r *rand.Rand) {
	name := "c" + strconv.Itoa(i)
	policy, bound := "no", time.Duration(0)
	if one(r, 2) {
		policy, bound = "always", 12*time.Second
	}
	back := between(r, time.Second, 25*time.Minute)
	if policy == "always" && one(r, 2) {
		back = between(r, 100*time.Millisecond, 5*time.Second)
	}
	h.dies(name, name+"a", policy, bound)
	h.world.at(back, "back "+name, func() { h.runs(name, name+"a", policy) })
}

// flapping is a container that dies again and again.
func (h *host) flapping(r *rand.Rand, times int) {
	const name = "flapping"
	id := name + strconv.Itoa(times)
	h.dies(name, id, "no", 0)
	h.world.at(between(r, 20*time.Second, 4*time.Minute), "back "+name, func() {
		h.runs(name, id, "no")
		if times > 1 {
			h.world.at(between(r, 10*time.Second, 4*time.Minute), name, func() { h.flapping(r, times-1) })
		}
	})
}

// dies sends that a container has died, which must fire within a time.
func (h *host) dies(name, id, policy string, bound time.Duration) {
	key := "container-died|" + name + "|" + h.name
	h.world.say("container %s of %s dies, restart policy %s", name, h.name, policy)
	h.world.oracle.reason(key)
	died := time.Now()
	h.spool.send(batch{points: []influx.Point{h.die(name, id, policy)}, taken: func() { h.world.oracle.died(key, died, bound) }})
}

// runs sends that a container was started.
func (h *host) runs(name, id, policy string) {
	key := "container-died|" + name + "|" + h.name
	h.world.say("container %s of %s runs again", name, h.name)
	h.world.oracle.silent(key)
	h.spool.send(batch{points: []influx.Point{h.event(name, id, "start", influx.String("restart_policy", policy))}, taken: func() {
		h.world.oracle.seen(key, false, 0, 0)
	}})
}

// mass lets very many containers die at once, more than one transaction holds.
func (h *host) mass(r *rand.Rand) {
	h.world.say("all containers of %s die", h.name)
	var dead, back batch
	var keys []string
	for i := range 30 {
		name := "m" + strconv.Itoa(i)
		keys = append(keys, "container-died|"+name+"|"+h.name)
		h.world.oracle.reason(keys[i])
		dead.points = append(dead.points, h.die(name, name, "no"))
	}
	died := time.Now()
	dead.taken = func() {
		for _, key := range keys {
			h.world.oracle.died(key, died, 0)
		}
	}
	h.spool.send(dead)
	h.world.at(between(r, time.Minute, 20*time.Minute), "mass", func() {
		for i, key := range keys {
			name := "m" + strconv.Itoa(i)
			back.points = append(back.points, h.event(name, name+"b", "start"))
			h.world.oracle.silent(key)
		}
		back.taken = func() {
			for _, key := range keys {
				h.world.oracle.seen(key, false, 0, 0)
			}
		}
		h.spool.send(back)
	})
}

// errorSeen is an error of an application, which comes again now and then.
func (w *world) errorSeen(s *spool, i int, r *rand.Rand) {
	severity := []incident.Severity{incident.SeverityPage, incident.SeverityPage, incident.SeverityTicket, incident.SeverityInfo}[i%4]
	labels := map[string]string{"project": "p", "app": "a" + strconv.Itoa(i%3)}
	if one(r, 3) {
		labels["team"] = "slow"
	}
	if i%4 == 1 {
		labels["team"] = "hasty"
	}
	key := "error-seen|p|" + strconv.Itoa(i)
	again := 0
	var report func()
	report = func() {
		w.say("error %d is seen, the %dth time, %s", i, again+1, severity)
		event := fmt.Sprint("e", i, ".", again)
		now := severity
		w.oracle.sent(key, event, now)
		s.send(batch{alerts: []incident.Alert{{
			Key: key, Rule: "error-seen", Kind: incident.KindOccurrence, Firing: true, Severity: severity, Labels: labels,
			Summary: "error " + strconv.Itoa(i), At: time.Now(), Event: event,
		}}, taken: func() { w.oracle.event(key, event, now) }})
		if again++; again < 2 || again < 4 && one(r, 3) {
			if one(r, 2) {
				severity = incident.SeverityPage
			}
			latest := max(stormEnd-time.Since(w.began), time.Minute)
			w.at(between(r, 10*time.Second, min(latest, 40*time.Minute)), "error "+strconv.Itoa(i), report)
		}
	}
	report()
}

// location makes the checks of one place.
type location struct {
	world *world
	name  string
	spool *spool
	down  map[string]bool
}

func (l *location) probe() {
	l.world.at(between(l.spool.rand, checkEvery-time.Second, checkEvery), "probe "+l.name, l.probe)
	var points []influx.Point
	states := map[string]bool{}
	for _, name := range []string{"shop", "blog"} {
		r := check.Result{Check: name, Location: l.name, URL: "https://" + name + ".example/", Method: "GET", Time: time.Now(), Outcome: check.Success, StatusCode: 200, StatusMatch: true}
		if l.down[name] {
			r.Outcome, r.StatusCode, r.StatusMatch = check.ConnectionFailed, 0, false
		}
		states[name] = l.down[name]
		points = append(points, r.Point())
	}
	l.spool.send(batch{points: points, taken: func() {
		for name, down := range states {
			l.world.oracle.seen("check-down|"+name, down, checkEvery+20*time.Second, 2*checkEvery+20*time.Second)
		}
	}})
}

func (w *world) checkDown(down map[string]bool, name string, r *rand.Rand) {
	w.say("%s is down", name)
	down[name] = true
	w.oracle.reason("check-down|" + name)
	w.at(between(r, 3*time.Minute, 20*time.Minute), "up "+name, func() {
		w.say("%s is up", name)
		down[name] = false
		w.oracle.silent("check-down|" + name)
	})
}

// manual is an incident that a person opens.
func (w *world) manual(i int, r *rand.Rand) {
	name := "m" + strconv.Itoa(i)
	key := "manual|" + name
	var ask func()
	ask = func() {
		w.oracle.sent(key, name, incident.SeverityPage)
		w.call("manual "+name, r, func(ctx context.Context, n *node) error {
			_, err := n.engine.Page(ctx, name, "erin", "please look", incident.SeverityPage, nil)
			return err
		}, func(err error) {
			w.say("manual incident %s: %v", name, err)
			if err != nil {
				w.at(between(r, time.Second, 10*time.Second), "manual "+name, ask)
				return
			}
			w.oracle.event(key, name, incident.SeverityPage)
		})
	}
	ask()
}
