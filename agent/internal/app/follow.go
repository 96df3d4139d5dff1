package app

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// maxWaiting bounds the events of one container that wait for an inspect.
const maxWaiting = 64

// How late it may be for what is held before the machine is taken to have stood still, and for how long what Docker has told
// meanwhile is then read before anything is let go.
const (
	stoodStill = 100 * time.Millisecond
	catchUp    = 250 * time.Millisecond
)

// lastWords is for how long at least a container is known after its destroy: the stop of a container that removes itself may come behind it.
const lastWords = 10 * time.Second

// follower keeps the table in step with Docker and writes container_event
// points. One goroutine, that of run, owns its state; the others hand it
// functions to run there.
type follower struct {
	client   *docker.Client
	table    *docker.Table
	last     *lastSamples
	writer   pointWriter
	hostName string
	memory   *memory
	ledger   *ledger

	inbox   chan func()
	slots   chan struct{} // of inspects under way
	asking  sync.WaitGroup
	judge   *event.Judge
	missed  *event.Missed
	asked   map[string]bool           // by container id: an inspect is under way; true: and already outdated
	waiting map[string][]docker.Event // for an inspect: of containers that nothing is known of yet, or from a death on whose exit code is not
	parted  map[string]parted         // by container id: those destroyed just now
	synced  time.Time                 // what the table holds is at least as new as this
	latest  time.Time                 // of the clock, as it was read last
	live    time.Time                 // since when there is a stream; zero: there is none
	left    time.Time                 // since when there is none, after there was one
	waited  time.Time                 // until when that was held for which patient was set
	patient time.Time                 // until when nothing is let go, after a standstill
}

// parted is a container as it was when it was destroyed.
type parted struct {
	docker.Container
	at time.Time // on our clock
}

func newFollower(client *docker.Client, table *docker.Table, last *lastSamples, writer pointWriter, hostName string, seen *memory, told *ledger) *follower {
	return &follower{
		client: client, table: table, last: last, writer: writer, hostName: hostName, memory: seen, ledger: told,
		inbox: make(chan func(), 256), slots: make(chan struct{}, inspectsAtOnce),
		judge: event.NewJudge(), missed: event.NewMissed(),
		asked: make(map[string]bool), waiting: make(map[string][]docker.Event), parted: make(map[string]parted),
	}
}

// run follows Docker through sessions until ctx ends, and then for as long as
// a death is held, at most a second or a little more: what was asked for must not look like a
// crash because the agent was stopped too.
func (f *follower) run(ctx context.Context, s *session) error {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s.sink, s.memory = f, f.memory
	var connecting sync.WaitGroup
	connecting.Go(func() { s.run(inner) })
	connecting.Go(func() { f.memory.run(inner.Done()) })

	f.loop(ctx.Done())
	cancel()
	f.drain(&connecting)
	f.memory.settle(f.undecided())
	f.memory.save()
	return nil
}

// loop runs what is handed over, and lets go what was held long enough.
func (f *follower) loop(ended <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	tick := time.NewTicker(rememberEvery)
	defer tick.Stop()
	var last <-chan time.Time
	var atLast time.Time
	for ended != nil || !f.judge.Next().IsZero() {
		f.arm(timer)
		select {
		case do := <-f.inbox:
			do()
		case <-timer.C:
			f.due(time.Now())
		case <-tick.C:
			f.hearAll()
			now := time.Now() // and not that of the tick, before which the clock may have been read already
			f.clock(now)
			f.remember(now)
		case <-ended:
			ended, last, atLast = nil, time.After(event.HoldFor), time.Now().Add(event.HoldFor)
		case <-last:
			f.hearAll()
			now := time.Now()
			if !atLast.IsZero() && now.Sub(atLast) >= stoodStill { // as in due, once
				last, atLast = time.After(catchUp), time.Time{}
				continue
			}
			f.expire(now.Add(event.HoldFor))
			return
		}
	}
}

// drain waits for every goroutine that may still have something to hand over.
func (f *follower) drain(connecting *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		connecting.Wait()
		f.asking.Wait()
		close(done)
	}()
	for {
		select {
		case <-f.inbox: // too late: the next agent tells it
		case <-done:
			return
		}
	}
}

// arm sets the timer to when something held must go.
func (f *follower) arm(timer *time.Timer) {
	next := f.next()
	if next.IsZero() {
		timer.Reset(time.Hour)
		return
	}
	timer.Reset(time.Until(next))
}

// next is when something held must go; zero when nothing is.
func (f *follower) next() time.Time {
	next := f.held()
	if !next.IsZero() && next.Before(f.patient) {
		return f.patient
	}
	return next
}

// held is until when the first of what is held is; zero when nothing is.
func (f *follower) held() time.Time { return event.Earlier(f.judge.Next(), f.missed.Next()) }

// due lets go what was held long enough, once all is heard that was told meanwhile, which may explain a death: on a machine that stood
// still some of that is yet to be read.
func (f *follower) due(now time.Time) {
	f.hearAll()
	if next := f.held(); !next.IsZero() && !next.Equal(f.waited) && now.Sub(next) >= stoodStill {
		f.patient, f.waited = now.Add(catchUp), next
		return
	}
	f.expire(now)
}

func (f *follower) hearAll() {
	for range len(f.inbox) {
		(<-f.inbox)()
	}
}

func (f *follower) expire(now time.Time) {
	f.tell(f.judge.Expire(now))
	f.found(f.missed.Expire(now), now)
}

// do hands a function to the goroutine of run.
func (f *follower) do(ctx context.Context, fn func()) {
	select {
	case f.inbox <- fn:
	case <-ctx.Done():
	}
}

// isParted says whether a container was destroyed just now.
func (f *follower) isParted(id string) bool { _, is := f.parted[id]; return is }

// find gives what is known of a container, or was until it was destroyed just now.
func (f *follower) find(id string) (docker.Container, bool) {
	if p, ok := f.parted[id]; ok {
		return p.Container, true
	}
	return f.table.Find(id)
}

// remember notes until when events were seen: a stream that is silent means that
// nothing happened, once it has told what was before it.
func (f *follower) remember(now time.Time) {
	maps.DeleteFunc(f.parted, func(_ string, p parted) bool { return now.Sub(p.at) >= lastWords })
	quiet := now.Add(-quietFor)
	if !f.live.IsZero() && quiet.After(f.live) {
		f.memory.saw(quiet)
	}
	f.memory.settle(f.undecided())
}

// clock notes the time of day. When the clock was put back, what was seen is of before, by its new time: else all that happens from now on
// would look old, and not be told.
func (f *follower) clock(now time.Time) {
	now = now.Round(0) // the wall's clock alone
	if now.Before(f.latest) {
		before := now.Add(-rememberEvery) // it is read as often, at least
		f.memory.back(before)
		if f.synced.After(before) {
			f.synced = before
		}
	}
	f.latest = now
}

// undecided is when the oldest of what was seen and is not told happened.
func (f *follower) undecided() time.Time {
	oldest := event.Earlier(f.judge.Oldest(), f.missed.Oldest())
	for _, waiting := range f.waiting {
		for _, e := range waiting {
			oldest = event.Earlier(oldest, e.At)
		}
	}
	return oldest
}

// present replaces what was known and writes a present event for each container.
func (f *follower) present(ctx context.Context, containers []docker.Container, asked time.Time) {
	f.do(ctx, func() {
		now := time.Now()
		points, lives := make([]influx.Point, 0, len(containers)), make(map[string]event.Life, len(containers))
		for _, c := range containers {
			points = append(points, presentPoint(f.hostName, c, now))
			lives[c.ID] = f.ledger.of(c, f.memory.seenUntil())
		}
		f.inherit(containers, asked, now)
		for _, c := range containers {
			f.missed.Suspect(c, lives[c.ID], now)
		}
		behind := f.leftBehind(lives)
		for id, life := range f.ledger.others(lives) { // what ran, and is not there
			c, known := f.table.Find(id)
			if !known {
				c = docker.Container{ID: id, Name: life.Name}
			}
			f.missed.SuspectGone(c, asked, now)
			lives[id] = life
		}
		f.table.Replace(append(containers, behind...))
		f.synced, f.live = asked, now
		f.judge.Keep(func(id string) bool { _, ok := f.table.Find(id); return ok })
		if !f.left.IsZero() {
			points = append(points, backPoint(f.hostName, now, now.Sub(f.left)))
			f.left = time.Time{}
		}
		if len(points) > 0 {
			f.writer.WriteNow(points...)
		}
		f.ledger.keep(lives, f.missed.Suspicions())
		f.memory.settle(f.undecided()) // lest an agent that is killed soon begins anew
	})
}

// inherit suspects what the agent before had suspected and not told.
func (f *follower) inherit(containers []docker.Container, asked, now time.Time) {
	for _, s := range f.ledger.inherit() {
		known := f.ledger.seen[s.ID]
		if i := slices.IndexFunc(containers, func(c docker.Container) bool { return c.ID == s.ID }); i >= 0 {
			f.missed.Restore(containers[i], s, known, now)
			continue
		}
		c := docker.Container{ID: s.ID, Name: s.Name, Image: s.Image}
		f.missed.Restore(c, s, known, now)
		if f.missed.Begun(s.ID) {
			f.missed.SuspectGone(c, asked, now)
		}
	}
}

// leftBehind are the containers that the table has and these are not: what is known of them stays for their last events, until the next list.
func (f *follower) leftBehind(these map[string]event.Life) (gone []docker.Container) {
	for _, c := range f.table.All() {
		if _, there := these[c.ID]; !there {
			c.Status, c.PID = "removing", 0
			gone = append(gone, c)
		}
	}
	return gone
}

// away notes that the stream has ended, after all that it told.
func (f *follower) away(ctx context.Context, why error) {
	f.do(ctx, func() {
		f.live, f.left = time.Time{}, time.Now()
		f.writer.WriteNow(gonePoint(f.hostName, f.left, why))
		f.memory.settle(f.undecided())
	})
}

// listed asks again for what the table has otherwise or from a list alone, and for what no event tells.
func (f *follower) listed(ctx context.Context, list []docker.Summary) {
	f.do(ctx, func() {
		there := make(map[string]bool, len(list))
		for _, l := range list {
			there[l.ID] = true
			if c, ok := f.table.Find(l.ID); !ok || !c.Known() || c.Status != l.State || failing(c) {
				f.ask(ctx, l.ID)
			}
		}
		for _, c := range f.table.All() {
			switch {
			case there[c.ID]:
			case c.Status == "removing": // since the list before: its last events are lost
				f.table.Delete(c.ID)
			default:
				f.ask(ctx, c.ID)
			}
		}
	})
}

// happened takes the next event. One of a container that nothing is known of
// waits, with those that follow, until Docker has been asked: its restart
// policy decides what the event means. So does a death of which the event does
// not say the exit code. Events of others go by.
func (f *follower) happened(ctx context.Context, e docker.Event) {
	f.do(context.WithoutCancel(ctx), func() { // it counts as seen: no later stream tells it
		f.clock(time.Now())
		f.memory.saw(e.At)
		if e.OfImage {
			if f.memory.isNew(e.At) {
				f.writer.WriteNow(imagePoint(f.hostName, e))
			}
			return
		}
		f.ledger.saw(e)
		if waiting := f.waiting[e.ID]; len(waiting) > 0 {
			if len(waiting) < maxWaiting {
				f.waiting[e.ID] = append(waiting, e)
				return
			}
			f.release(ctx, e.ID)
		}
		c, known := f.find(e.ID)
		if !known && e.Action != docker.ActionDestroy || e.Action == docker.ActionDie && c.Claims.ExitCode {
			f.waiting[e.ID] = append(f.waiting[e.ID], e)
			f.askAnew(ctx, e.ID)
			return
		}
		f.apply(ctx, e)
	})
}

// found tells what the stream did not.
func (f *follower) found(lost []event.Event, now time.Time) {
	for _, e := range lost {
		f.ledger.saw(e.Event)
		if e.Action == docker.ActionDie && e.Container.StartedAt.Before(e.At) {
			e.Last = f.last.of(e.ID, e.Container.StartedAt)
		}
		f.tell(f.judge.Observe(e, now))
	}
}

// tell writes events at once. What an earlier agent has told is only there to be
// judged: a kill explains the death that came after that agent's end.
func (f *follower) tell(events []event.Event) {
	points := make([]influx.Point, 0, len(events))
	for _, e := range events {
		if e.Found || e.Owed || f.memory.isNew(e.At) {
			points = append(points, happenedPoint(f.hostName, e))
			f.memory.saw(e.At)
		}
	}
	if len(points) > 0 {
		f.writer.WriteNow(points...)
	}
	f.ledger.tell(events)
}
