package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// How the agent waits for Docker.
const (
	minRetry = 250 * time.Millisecond
	maxRetry = time.Second // Docker shows the last life of a container alone: what lives while nobody looks may go unseen

	callTimeout    = 10 * time.Second // of a list, and of opening the stream
	inspectTimeout = 3 * time.Second  // the engine answers none while a container starts
	reconcileEvery = time.Minute
	engineEvery    = 10 * time.Minute // starts programs of the engine's

	inspectsAtOnce = 8

	maxHeard = 4096 // events that wait while the containers are asked for
)

// errSlow says that the engine took a connection and then said nothing.
var errSlow = errors.New("docker events: no answer within " + callTimeout.String())

// eventSink is what a session tells. The calls come from two goroutines.
type eventSink interface {
	// present is told first in each session: all containers, asked for after asked.
	present(ctx context.Context, containers []docker.Container, asked time.Time)
	// listed is told now and then: what the engine lists.
	listed(ctx context.Context, list []docker.Summary)
	// happened is told each event once, in the engine's order.
	happened(ctx context.Context, e docker.Event)
	// away is told last in each session, and why it ended.
	away(ctx context.Context, why error)
}

// session keeps a stream of events open, for as long as there is a Docker.
type session struct {
	client  *docker.Client
	table   *docker.Table
	sink    eventSink
	trouble *daemon.Condition
	log     *slog.Logger
	memory  *memory
	seen    *event.Seen
}

// run connects again and again until ctx ends.
func (s *session) run(ctx context.Context) {
	retry := minRetry
	for ctx.Err() == nil {
		connected, err := s.once(ctx)
		if ctx.Err() != nil {
			return
		}
		s.table.Disconnected()
		if connected {
			s.sink.away(ctx, err)
		}
		s.trouble.Failed(fmt.Errorf("containers are not followed: %w", err))
		if connected {
			retry = minRetry
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
		retry = min(2*retry, maxRetry)
	}
}

// once is one connection, from the first request to the end of the stream. The
// stream is opened before the containers are listed, so that nothing happens
// between the two unseen; what it says is told after.
func (s *session) once(ctx context.Context) (connected bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	asked := time.Now()
	slow := time.AfterFunc(callTimeout, func() { cancel(errSlow) })
	stream, err := s.client.Events(ctx, s.memory.since(asked))
	var heard <-chan heard
	if err == nil {
		var hearing sync.WaitGroup
		heard = hear(ctx, stream, &hearing)
		defer hearing.Wait()
		defer stream.Close()
		defer cancel(nil)
	}
	if !slow.Stop() {
		return false, context.Cause(ctx)
	}
	if err != nil {
		return false, err
	}
	engine, containers, err := s.state(ctx)
	if err != nil {
		return false, err
	}
	s.memory.begin(asked)
	s.sink.present(ctx, containers, asked)
	s.table.Connected(engine)
	s.trouble.OK()
	s.log.Info("following docker", "containers", len(containers), "server", engine.ServerVersion)

	var reconciling sync.WaitGroup
	reconciling.Go(func() { cancel(s.reconcile(ctx)) }) // an engine that no longer lists has no events either
	defer reconciling.Wait()
	defer cancel(nil)
	err = s.follow(ctx, heard)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return true, err
}

// heard is what a stream said: an event, what was left out before it, or why the stream ended.
type heard struct {
	event    docker.Event
	bad, end error
}

// hear takes what a stream says as it comes: who speaks must not wait until the containers have been asked for, and may not be that patient.
func hear(ctx context.Context, stream *docker.Stream, hearing *sync.WaitGroup) <-chan heard {
	all := make(chan heard, maxHeard)
	hearing.Go(func() {
		for {
			var h heard
			h.event, h.bad, h.end = stream.Next()
			select {
			case all <- h:
			case <-ctx.Done():
				return
			}
			if h.end != nil {
				return
			}
		}
	})
	return all
}

// follow tells the events of a stream until it ends.
func (s *session) follow(ctx context.Context, all <-chan heard) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case h := <-all:
			if h.bad != nil {
				s.log.Warn("an event of docker is left out", "error", h.bad)
			}
			if h.end != nil {
				return h.end
			}
			if s.seen.First(h.event) {
				s.sink.happened(ctx, h.event)
			}
		}
	}
}

// state asks for the engine and all its containers.
func (s *session) state(ctx context.Context) (docker.Info, []docker.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	engine, err := s.client.Info(ctx)
	if err != nil {
		return docker.Info{}, nil, err
	}
	list, err := s.client.List(ctx)
	if err != nil {
		return docker.Info{}, nil, err
	}
	return engine, inspectAll(ctx, s.client, list), nil
}

// inspectAll asks for each container of a list. One that does not answer is
// known by what the list says; one that is gone is left out.
func inspectAll(ctx context.Context, client *docker.Client, list []docker.Summary) []docker.Container {
	found := make([]docker.Container, len(list))
	slots := make(chan struct{}, inspectsAtOnce)
	var asking sync.WaitGroup
	for i, summary := range list {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			c, err := inspect(ctx, client, summary.ID)
			switch {
			case err == nil:
				found[i] = c
			case !errors.Is(err, docker.ErrNotFound):
				found[i] = summary.Container()
			}
		})
	}
	asking.Wait()
	there := found[:0]
	for _, c := range found {
		if c.ID != "" {
			there = append(there, c)
		}
	}
	return there
}

func inspect(ctx context.Context, client *docker.Client, id string) (docker.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	return client.Inspect(ctx, id)
}

// reconcile lists the containers once a minute, in case an event was lost, and asks now and then what the engine says of itself, until
// it does not list or ctx ends.
func (s *session) reconcile(ctx context.Context) error {
	tick := time.NewTicker(reconcileEvery)
	defer tick.Stop()
	for since := reconcileEvery; ; since += reconcileEvery {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(ctx, callTimeout)
		list, err := s.client.List(asking)
		cancel()
		if err != nil {
			return err
		}
		s.sink.listed(ctx, list)
		if since >= engineEvery {
			since = 0
			s.refresh(ctx)
		}
	}
}

// refresh asks what the engine says of itself. What it said before stays when it does not answer.
func (s *session) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if engine, err := s.client.Info(ctx); err == nil {
		s.table.Connected(engine)
	}
}
