package packaging

import (
	"fmt"
	"time"

	"nezuban/agent/influx"
)

// What the checks allow for, of the time that the machine ran.
const (
	toldAfter  = 10 * time.Second // from when the engine notes a start or an end to when it tells it
	knownAfter = 10 * time.Second // from when a container or an agent begins to when the agent must sample the container
	round      = time.Second
)

// check compares what InfluxDB has with what the test and the engine have written down.
func (c *agentCrashes) check() {
	c.t.Helper()
	starts, err := c.events(influx.ActionStart, influx.FieldContainerID)
	if err != nil {
		c.t.Fatal(err)
	}
	dies, err := c.events(influx.ActionDie, influx.FieldExitCode)
	if err != nil {
		c.t.Fatal(err)
	}
	c.checkShorts(starts, dies)
	c.checkSteady(starts, dies)
	c.checkRounds()
}

// checkShorts looks at the containers of one life.
func (c *agentCrashes) checkShorts(starts, dies map[string][]found) {
	lived := 0
	for name, s := range c.ends {
		if s.StartedAt.IsZero() { // the engine went away before it had started it
			if len(starts[name]) > 0 {
				c.t.Errorf("%s never began; told are %v", name, starts[name])
			}
			continue
		}
		lived++
		if len(starts[name]) != 1 || len(dies[name]) != 1 {
			c.t.Errorf("%s ran from %s to %s and ended with %d; told are starts %v and deaths %v",
				name, s.StartedAt, s.FinishedAt, s.ExitCode, starts[name], dies[name])
			continue
		}
		// An engine that is killed just after it has told of an end takes the container for running afterwards, and notes another.
		if code := dies[name][0].value; code != int64(c.asked[name]) && (code != int64(s.ExitCode) || !c.endedWithEngine(s)) {
			c.t.Errorf("%s ended with %d at %s, told is %d, asked was %d", name, s.ExitCode, s.FinishedAt, code, c.asked[name])
		}
	}
	c.t.Logf("%d short containers lived", lived)
	if lived < 10 {
		c.t.Error("these are too few to say anything")
	}
}

func (c *agentCrashes) endedWithEngine(s state) bool {
	for _, away := range c.away {
		if away.holds(s.FinishedAt) {
			return true
		}
	}
	return false
}

// checkSteady looks at the containers that came back with their engine.
func (c *agentCrashes) checkSteady(starts, dies map[string][]found) {
	ended := 0
	for name, lives := range c.lives {
		if len(starts[name]) != len(lives) || len(dies[name]) != len(lives)-1 {
			c.t.Errorf("%s had the lives %v; told are starts %v and deaths %v", name, lives, starts[name], dies[name])
			continue
		}
		for i, l := range lives {
			if at := starts[name][i].at; at.Before(l.began) || machine.Ran(l.began, at) > toldAfter {
				c.t.Errorf("%s began at %s; told is %s", name, l.began, at)
			}
			if l.ended.IsZero() {
				continue
			}
			ended++
			if at := dies[name][i].at; at.Before(l.ended) || machine.Ran(l.ended, at) > toldAfter {
				c.t.Errorf("%s ended at %s; told is %s", name, l.ended, at)
			}
		}
	}
	c.t.Logf("%d lives of the %d steady containers ended with their engine", ended, len(c.lives))
}

// checkRounds looks for each round of each agent, and for the samples of the steady containers in it.
func (c *agentCrashes) checkRounds() {
	skipped := c.rounds()
	samples, err := c.query(fmt.Sprintf(`r._measurement == %q and r.cpu == "cpu-total" and r._field == %q`, influx.ContainerCPU, influx.FieldUsageTotal))
	if err != nil {
		c.t.Fatal(err)
	}
	sampled := make(map[string]map[time.Time]bool)
	for name, all := range samples {
		sampled[name] = make(map[time.Time]bool)
		for _, s := range all {
			sampled[name][s.at.UTC()] = true
		}
	}
	there, dropped, checked := 0, 0, 0
	for _, run := range c.runs {
		last, before := run.from, int64(0) // the last round that is there, and how many had been left out by then
		for at := run.from.UTC().Truncate(round).Add(2 * round); at.Before(run.to.Add(-round)); at = at.Add(round) {
			if c.isOverflown(at) {
				if _, ok := skipped[at]; !ok {
					dropped++
				}
				last, before = at, -1
				continue
			}
			now, ok := skipped[at]
			if !ok {
				continue
			}
			there++
			if missing := int64(at.Sub(last)/round) - 1; before >= 0 && missing > now-before {
				c.t.Errorf("between %s and %s %d rounds are missing, and the agent left out %d", last, at, missing, now-before)
			}
			last, before = at, now
			checked += c.checkSamples(run, at, sampled)
		}
		if running(c.t, last, run.to) > 5*round {
			c.t.Errorf("the last round before the end at %s is of %s", run.to, last)
		}
	}
	c.t.Logf("%d rounds, and %d samples of steady containers in them, are there; %d rounds were dropped while the spool had no room", there, checked, dropped)
	if there < 20 || checked < 5*len(c.steady) || dropped == 0 {
		c.t.Error("these are too few to say anything")
	}
}

// rounds are the heartbeats of rounds, each with how many its agent had left out by then.
func (c *agentCrashes) rounds() map[time.Time]int64 {
	beats, err := c.query(fmt.Sprintf(`r._measurement == %q and r._field == %q`, influx.Agent, influx.FieldTicksSkipped))
	if err != nil {
		c.t.Fatal(err)
	}
	skipped := make(map[time.Time]int64)
	for _, beat := range beats[""] {
		if n, ok := beat.value.(int64); ok && beat.at.Equal(beat.at.Truncate(round)) { // the others say hello and goodbye
			skipped[beat.at.UTC()] = n
		}
	}
	return skipped
}

func (c *agentCrashes) isOverflown(at time.Time) bool {
	for _, s := range c.overflown {
		if s.holds(at) {
			return true
		}
	}
	return false
}

// checkSamples looks for the samples of one round of the containers that the agent must have known, and counts them.
func (c *agentCrashes) checkSamples(run span, at time.Time, sampled map[string]map[time.Time]bool) (checked int) {
	if machine.Ran(run.from, at) < knownAfter {
		return 0
	}
	for _, name := range c.steady {
		for _, l := range c.lives[name] {
			// A round begins when it can, and finds the containers that still run then.
			if machine.Ran(l.began, at) < knownAfter || (!l.ended.IsZero() && machine.Ran(at, l.ended) < round) {
				continue
			}
			checked++
			if !sampled[name][at] {
				c.t.Errorf("%s, which ran since %s, has no sample of %s", name, l.began, at)
			}
		}
	}
	return checked
}
