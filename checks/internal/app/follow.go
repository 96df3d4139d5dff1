package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"nezuban/agent/daemon"
	"nezuban/checks/check"
)

// Waits between tries as long as there is no check file at all.
const (
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// errNoFile is what /readyz says until there is something to do.
var errNoFile = errors.New("none yet: neither a router nor a cached copy")

// follower keeps the router's check file in force. A new file is taken when all of it is good; else the last good one
// stays.
type follower struct {
	client  *routerClient
	cache   cache
	refresh time.Duration
	apply   func([]check.Check) // puts checks in force; they are complete and valid
	log     *slog.Logger
	health  *daemon.Health

	router, content, disk *daemon.Condition
	inForce               bool
}

func newFollower(cfg Config, d *daemon.Daemon, agent string, apply func([]check.Check)) *follower {
	return &follower{
		client:  newRouterClient(cfg.Router, agent, d.Log),
		cache:   newCache(cfg.StateDir),
		refresh: cfg.Router.Refresh,
		apply:   apply,
		log:     d.Log,
		health:  d.Health,
		router:  daemon.NewCondition(d.Log, "router"),
		content: daemon.NewCondition(d.Log, "check file"),
		disk:    daemon.NewCondition(d.Log, "check file cache"),
	}
}

// run follows until ctx ends, and then returns nil.
func (f *follower) run(ctx context.Context) error {
	f.health.Set("check file", errNoFile)
	f.start()
	backoff := minBackoff
	for {
		f.step(ctx)
		wait := f.refresh
		if !f.inForce {
			wait = backoff
			backoff = min(2*backoff, maxBackoff)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(jittered(wait)):
		}
	}
}

// jittered is d give or take a tenth, so that locations do not ask in step.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// start puts the cached copy in force, if there is one.
func (f *follower) start() {
	data, err := f.cache.load()
	if err != nil {
		f.disk.Failed(err)
		return
	}
	if data != nil {
		f.take(f.cache.path, data)
	}
}

// step asks the router once.
func (f *follower) step(ctx context.Context) {
	data, err := f.client.fetch(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if !f.inForce {
			err = fmt.Errorf("no check runs before the router gives a check file: %w", err)
		}
		f.router.Failed(err)
	default:
		f.router.OK()
		if data != nil && f.take("checks.toml", data) {
			f.save(data)
		}
	}
}

// take puts a check file in force if it is good.
func (f *follower) take(name string, data []byte) bool {
	checks, err := check.Parse(name, data)
	if err != nil {
		if f.inForce {
			err = fmt.Errorf("the last good one stays in force: %w", err)
		} else {
			f.health.Set("check file", err)
		}
		f.content.Failed(err)
		return false
	}
	f.content.OK()
	f.health.Set("check file", nil)
	f.inForce = true
	f.apply(checks)
	f.log.Info("check file in force", "from", name, "checks", len(checks))
	return true
}

// save keeps a good file for the next start; without it the checks run all the same.
func (f *follower) save(data []byte) {
	if err := f.cache.save(data); err != nil {
		f.disk.Failed(err)
		return
	}
	f.disk.OK()
}
