package app

import (
	"context"
	"errors"
	"time"

	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// The functions of this file run in the goroutine of follower.run, but for
// inspect; they keep the table in step with Docker.

// ask inspects a container, once at a time for each.
func (f *follower) ask(ctx context.Context, id string) {
	if _, under := f.asked[id]; under {
		return
	}
	f.asked[id] = false
	f.asking.Go(func() {
		c, err := f.inspect(ctx, id)
		f.do(context.WithoutCancel(ctx), func() { f.answered(ctx, id, c, err) })
	})
}

// askAnew is ask, when what is on its way may be of before.
func (f *follower) askAnew(ctx context.Context, id string) {
	if _, under := f.asked[id]; under {
		f.asked[id] = true
	}
	f.ask(ctx, id)
}

// inspect waits for its turn: not all containers are asked for at once.
func (f *follower) inspect(ctx context.Context, id string) (docker.Container, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
		return inspect(ctx, f.client, id)
	case <-ctx.Done():
		return docker.Container{}, ctx.Err()
	}
}

// answered takes what Docker said of a container, and the events that waited for it.
func (f *follower) answered(ctx context.Context, id string, c docker.Container, err error) {
	outdated := f.asked[id]
	delete(f.asked, id)
	waits := len(f.waiting[id]) > 0
	switch {
	case err == nil && outdated:
		f.ask(ctx, id)
		return
	case err == nil && f.isParted(id): // the answer is of before the destroy, with which all of its life was told
	case err == nil:
		f.table.Put(c)
		if !waits {
			f.missed.Suspect(c, f.ledger.of(c, f.memory.seenUntil()), time.Now())
			f.ledger.suspect(f.missed.Suspicion(id))
		}
	case errors.Is(err, docker.ErrNotFound) && !waits:
		f.gone(id)
	}
	f.release(ctx, id)
}

// release applies the events that wait, in order, by what is known of the container now.
func (f *follower) release(ctx context.Context, id string) {
	waiting := f.waiting[id]
	delete(f.waiting, id)
	if _, known := f.find(id); !known && len(waiting) > 0 {
		f.table.Put(waiting[0].Container())
	}
	for _, e := range waiting {
		f.apply(ctx, e)
	}
}

// gone notes that Docker has a container no longer. What is known of it stays
// for its last events, which may still be on their way.
func (f *follower) gone(id string) {
	c, known := f.table.Find(id)
	if !known {
		return
	}
	c.Status, c.PID = "removing", 0
	f.table.Put(c)
	if f.ledger.runs(id) || f.missed.Begun(id) {
		now := time.Now()
		f.missed.SuspectGone(c, now, now)
	}
}

// apply brings the table up to date with an event and has it judged.
func (f *follower) apply(ctx context.Context, e docker.Event) {
	c, known := f.find(e.ID)
	if !known {
		c = e.Container()
	}
	switch {
	case e.Action == docker.ActionDie:
		e.ExitCode = event.ExitCode(e, c)
	case e.Action == docker.ActionKill && c.Claims.Signal:
		e.Signal = ""
	case e.Action == docker.ActionRename && c.Claims.OldName:
		e.OldName = ""
	}
	f.update(ctx, &c, e)
	now := time.Now()
	lost, owed := f.missed.Observe(e)
	f.found(lost, now)
	if told(e.Action) {
		happened := event.Event{Event: e, Container: c, Owed: owed}
		if e.Action == docker.ActionDie {
			happened.Last = f.last.of(e.ID, c.StartedAt)
		}
		f.tell(f.judge.Observe(happened, now))
	}
}

// told says whether an action is written; the others only change the table.
func told(action string) bool {
	switch action {
	case docker.ActionStart, docker.ActionDie, docker.ActionOOM, docker.ActionHealth,
		docker.ActionKill, docker.ActionStop, docker.ActionDestroy,
		docker.ActionPause, docker.ActionUnpause, docker.ActionRename:
		return true
	default:
		return false
	}
}

// update applies an event to the table, unless what is known is newer.
func (f *follower) update(ctx context.Context, c *docker.Container, e docker.Event) {
	if e.Action == docker.ActionDestroy {
		f.table.Delete(e.ID)
		f.parted[e.ID] = parted{*c, time.Now()}
		return
	}
	if f.isParted(e.ID) || e.At.Before(f.synced) {
		return
	}
	if e.Name != "" {
		c.Name = e.Name
	}
	switch e.Action {
	case docker.ActionStart:
		c.Status, c.OOMKilled = "running", false
		if c.FinishedAt.After(c.StartedAt) && e.At.After(c.FinishedAt) { // StartedAt is of the life before; of this one Docker may answer when that is over too
			c.StartedAt = e.At
		}
		if !c.Running() {
			f.ask(ctx, e.ID)
		}
	case docker.ActionDie:
		c.Status, c.PID, c.ExitCode, c.FinishedAt, c.Health, c.FailingStreak = "exited", 0, e.ExitCode, e.At, "", 0
		if _, under := f.asked[e.ID]; under {
			f.asked[e.ID] = true
		}
	case docker.ActionOOM:
		c.OOMKilled = true
	case docker.ActionHealth:
		f.health(ctx, c, e)
	case docker.ActionPause:
		c.Status = "paused"
	case docker.ActionUnpause:
		c.Status = "running"
	case docker.ActionUpdate: // of its restart policy, for one
		f.askAnew(ctx, e.ID)
	}
	f.table.Put(*c)
}

// health notes a change of health. How many checks have failed in a row no event tells: Docker is asked.
func (f *follower) health(ctx context.Context, c *docker.Container, e docker.Event) {
	c.Health, c.FailingStreak = e.Health, 0
	if e.Health != docker.Healthy {
		c.FailingStreak = -1
	}
	switch _, under := f.asked[e.ID]; {
	case under:
		f.asked[e.ID] = true
	case c.FailingStreak < 0:
		f.ask(ctx, e.ID)
	}
}

// failing says whether health checks of a container fail, or fail perhaps: no event tells of each.
func failing(c docker.Container) bool {
	return c.Health != "" && (c.Health != docker.Healthy || c.FailingStreak != 0)
}
