package app

import (
	"context"
	"sync"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// maxWaiting bounds the events of one container that wait for its first inspect.
const maxWaiting = 64

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

	inbox   chan func()
	slots   chan struct{} // of inspects under way
	asking  sync.WaitGroup
	judge   *event.Judge
	missed  *event.Missed
	asked   map[string]bool           // by container id: an inspect is under way; true: and already outdated
	waiting map[string][]docker.Event // of containers that nothing is known of yet
	synced  time.Time                 // what the table holds is at least as new as this
	live    time.Time                 // since when there is a stream; zero: there is none
}

func newFollower(client *docker.Client, table *docker.Table, last *lastSamples, writer pointWriter, hostName string, seen *memory) *follower {
	return &follower{
		client: client, table: table, last: last, writer: writer, hostName: hostName, memory: seen,
		inbox: make(chan func(), 256), slots: make(chan struct{}, inspectsAtOnce),
		judge: event.NewJudge(), missed: event.NewMissed(),
		asked: make(map[string]bool), waiting: make(map[string][]docker.Event),
	}
}

// run follows Docker through sessions until ctx ends, and then for as long as
// a death is held, at most a second: what was asked for must not look like a
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
	for ended != nil || !f.judge.Next().IsZero() {
		f.arm(timer)
		select {
		case do := <-f.inbox:
			do()
		case now := <-timer.C:
			f.expire(now)
		case now := <-tick.C:
			f.remember(now)
		case <-ended:
			ended, last = nil, time.After(event.HoldFor)
		case now := <-last:
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
	next := f.judge.Next()
	if m := f.missed.Next(); next.IsZero() || (!m.IsZero() && m.Before(next)) {
		next = m
	}
	if next.IsZero() {
		timer.Reset(time.Hour)
		return
	}
	timer.Reset(time.Until(next))
}

func (f *follower) expire(now time.Time) {
	f.tell(f.judge.Expire(now))
	for _, die := range f.missed.Expire(now) {
		f.tell(f.judge.Observe(die, now))
	}
}

// do hands a function to the goroutine of run.
func (f *follower) do(ctx context.Context, fn func()) {
	select {
	case f.inbox <- fn:
	case <-ctx.Done():
	}
}

// remember notes until when events were seen: a stream that is silent means that
// nothing happened, once it has told what was before it.
func (f *follower) remember(now time.Time) {
	quiet := now.Add(-quietFor)
	if !f.live.IsZero() && quiet.After(f.live) {
		f.memory.saw(quiet)
	}
	f.memory.settle(f.undecided())
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
		f.table.Replace(containers)
		f.synced = asked
		f.judge.Keep(func(id string) bool { _, ok := f.table.Find(id); return ok })
		now := time.Now()
		f.live = now
		points := make([]influx.Point, 0, len(containers))
		for _, c := range containers {
			points = append(points, presentPoint(f.hostName, c, now))
			f.missed.Suspect(c, f.memory.seenUntil(), now)
		}
		if len(points) > 0 {
			f.writer.WriteNow(points...)
		}
	})
}

// away notes that the stream has ended, after all that it told.
func (f *follower) away(ctx context.Context) {
	f.do(ctx, func() {
		f.live = time.Time{}
		f.memory.settle(f.undecided())
	})
}

// listed asks again for what the table has otherwise, and for what no event tells.
func (f *follower) listed(ctx context.Context, list []docker.Summary) {
	f.do(ctx, func() {
		there := make(map[string]bool, len(list))
		for _, l := range list {
			there[l.ID] = true
			if c, ok := f.table.Find(l.ID); !ok || c.Status != l.State || failing(c) {
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
// policy decides what the event means. Events of others go by.
func (f *follower) happened(ctx context.Context, e docker.Event) {
	f.do(ctx, func() {
		f.memory.saw(e.At)
		if waiting, ok := f.waiting[e.ID]; ok && len(waiting) < maxWaiting {
			f.waiting[e.ID] = append(waiting, e)
			return
		}
		if _, known := f.table.Find(e.ID); !known && e.Action != docker.ActionDestroy {
			f.waiting[e.ID] = append(f.waiting[e.ID], e)
			f.ask(ctx, e.ID)
			return
		}
		f.apply(ctx, e)
	})
}

// tell writes events at once. What an earlier agent has told is only there to be
// judged: a kill explains the death that came after that agent's end.
func (f *follower) tell(events []event.Event) {
	points := make([]influx.Point, 0, len(events))
	for _, e := range events {
		if f.memory.isNew(e.At) {
			points = append(points, happenedPoint(f.hostName, e))
			f.memory.saw(e.At)
		}
	}
	if len(points) > 0 {
		f.writer.WriteNow(points...)
	}
}
