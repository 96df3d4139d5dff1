package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/page/attempt"
)

// deadMan tells a service outside that the router is alive, so that it raises the alarm when it no longer hears so. What
// counts as alive is that time brings about decisions and that they can be stored: a router that only answers is silent.
type deadMan struct {
	url     string // secret: it may hold a token
	every   time.Duration
	http    *attempt.Client
	trouble *daemon.Condition
	ticked  atomic.Int64 // when time last did its work, Unix nanoseconds; 0: never
}

// longestSilence is for how long time may not have done its work.
const longestSilence = 30 * time.Second

// alive notes that time has done its work.
func (d *deadMan) alive(now time.Time) { d.ticked.Store(now.UnixNano()) }

// silent says why nobody is told that the router is alive; nil when it is.
func (d *deadMan) silent(now time.Time) error {
	switch at := d.ticked.Load(); {
	case at == 0:
		return errors.New("no decision could be made or stored since the start")
	case now.Sub(time.Unix(0, at)) > longestSilence:
		return errors.New("for a while no decision could be made or stored")
	}
	return nil
}

// run tells it soon and then again and again until ctx ends.
func (d *deadMan) run(ctx context.Context) {
	timer := time.NewTimer(min(d.every, minDeadManEvery)) // by then time has done its work once
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(d.every)
		}
		err := d.silent(time.Now())
		if err == nil {
			err = d.ping(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.trouble.Failed(err)
		default:
			d.trouble.OK()
		}
	}
}

// ping makes one request. No error names the URL.
func (d *deadMan) ping(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, http.NoBody)
	if err != nil {
		return errors.New("the dead man's URL cannot be used")
	}
	answer, err := d.http.Do(r)
	if err != nil {
		return fmt.Errorf("tell the dead man's switch: %w", err)
	}
	if answer.Status/100 != 2 {
		return fmt.Errorf("tell the dead man's switch: answered %d %s", answer.Status, http.StatusText(answer.Status))
	}
	return nil
}
