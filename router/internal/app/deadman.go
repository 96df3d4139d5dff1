package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/attempt"
	"nezuban/router/internal/reach"
)

// deadMan tells a service outside that the router is alive, so that it raises the alarm when it no longer hears so. What
// counts as alive is that time brings about decisions, that they can be stored, and that pages reach somebody: a router that
// only answers, or whose messages nobody takes, is silent.
type deadMan struct {
	url     string // secret: it may hold a token
	every   time.Duration
	http    *attempt.Client
	trouble *daemon.Condition
	pages   func() []outgoing
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

// outgoing is an open incident, as far as it tells whether somebody is reached.
type outgoing struct {
	nobody bool      // asks somebody to act, and nobody was reached: see [reach.Reach]
	tried  time.Time // since when it has been tried; zero: not yet
}

// unheardAfter is how long it may have been tried in vain to reach somebody for a page.
const unheardAfter = 5 * time.Minute

// unheard counts the pages for which it has been tried in vain for too long to reach anybody, by any channel.
func unheard(pages []outgoing, now time.Time) int {
	n := 0
	for _, p := range pages {
		if p.nobody && !p.tried.IsZero() && now.Sub(p.tried) >= unheardAfter {
			n++
		}
	}
	return n
}

// withheld says why nobody outside is told that the router is alive; nil when it is, and pages get through.
func (d *deadMan) withheld(now time.Time) error {
	if err := d.silent(now); err != nil {
		return err
	}
	if n := unheard(d.pages(), now); n > 0 {
		return fmt.Errorf("%d open pages have reached nobody for %s or longer, by any channel: nothing is sent to it until they do", n, unheardAfter)
	}
	return nil
}

// outgoing lists what [unheard] looks at.
func (r *router) outgoing() []outgoing {
	var pages []outgoing
	for _, id := range r.engine.IDs() {
		if inc, rows, ok := r.engine.Look(id); ok && inc.State == incident.Triggered && inc.Severity == incident.SeverityPage {
			pages = append(pages, outgoing{reach.Of(inc, rows, r.row).NobodyReached, reach.Tried(inc, rows)})
		}
	}
	return pages
}

// row finds a message of an incident that is not closed.
func (r *router) row(key incident.RowKey) (incident.Row, bool) {
	_, rows, _ := r.engine.Look(key.Incident)
	at := slices.IndexFunc(rows, func(row incident.Row) bool { return row.Seq == key.Seq })
	if at < 0 {
		return incident.Row{}, false
	}
	return rows[at], true
}

// newDeadMan is the router's switch; nil when the configuration has none.
func (r *router) newDeadMan() *deadMan {
	if r.cfg.deadManURL == "" {
		return nil
	}
	return &deadMan{
		url: r.cfg.deadManURL, every: r.cfg.deadManEvery, http: attempt.NewClient(nil, 0), pages: r.outgoing,
		trouble: daemon.NewCondition(r.d.Log, "dead man's switch"),
	}
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
		err := d.withheld(time.Now())
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
