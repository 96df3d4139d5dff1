// Package app puts a router together and runs it: configuration, the loops with their clocks, the listener. The packages
// it calls decide, store and deliver; this one only connects them.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"nezuban/agent/daemon"
	"nezuban/router/internal/access"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page/attempt"
	"nezuban/router/internal/page/pagerduty"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state"
)

// Folders under the state folder.
const (
	etcdDir    = "etcd"
	closedDir  = "closed"
	tokenDir   = "tokens"
	lockFile   = "lock"
	tickPeriod = time.Second

	commitWithin = 5 * time.Second // one call of the store for a person or a rotation file
)

// router is what runs, built in the order of its fields.
type router struct {
	cfg       Config
	d         *daemon.Daemon
	out       io.Writer // the terminal channel, and what the operator sees at start
	listener  net.Listener
	outside   net.Listener // for ack pages and providers; nil: there is none
	certs     []*certificate
	store     *state.Store
	archive   *state.Archive
	engine    *duty.Engine
	rotations *rotations
	personal  *personal        // nil: messages bear nothing for their receivers alone
	pagerDuty *pagerduty.Pager // nil: there is no such channel
	elsewhere *elsewhere       // nil: as pagerDuty
	deliverer *duty.Deliverer
	gate      *access.Gate
	trouble   *daemon.Condition // with the state
	deadMan   *deadMan          // nil: nobody outside is told that this router is alive
	undo      []func()          // what was acquired, in order
}

// Run runs a router until ctx ends, and returns when everything that it started has ended. Pages of the terminal channel
// go to out, a line each; so do a sign-in link and who is on call, at start.
func Run(ctx context.Context, cfg Config, d *daemon.Daemon, out io.Writer) error {
	r := &router{cfg: cfg, d: d, out: out, trouble: daemon.NewCondition(d.Log, "state")}
	if cfg.deadManURL != "" {
		r.deadMan = &deadMan{
			url: cfg.deadManURL, every: cfg.deadManEvery, http: attempt.NewClient(nil, 0), trouble: daemon.NewCondition(d.Log, "dead man's switch"),
		}
	}
	defer r.close()
	for _, step := range []func(context.Context) error{r.listen, r.open, r.resume, r.letIn, r.greet} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return r.loop(ctx)
}

// close gives back what was acquired, last first.
func (r *router) close() {
	for _, undo := range slices.Backward(r.undo) {
		undo()
	}
}

// listen takes the port first: a second router on it fails before it touches any state.
func (r *router) listen(ctx context.Context) error {
	var err error
	if r.listener, err = r.bind(ctx, r.cfg.Listen, r.cfg.tls); err != nil || r.cfg.outside == nil {
		return err
	}
	r.outside, err = r.bind(ctx, r.cfg.outside.listen, r.cfg.outside.tls)
	return err
}

// bind takes a port; with files it is served by TLS.
func (r *router) bind(ctx context.Context, address string, files *keyPair) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	r.undo = append(r.undo, func() { _ = ln.Close() })
	if files == nil {
		return ln, nil
	}
	cert, err := newCertificate(*files, time.Now, daemon.NewCondition(r.d.Log, "certificate "+files.cert))
	if err != nil {
		return nil, err
	}
	r.certs = append(r.certs, cert)
	return cert.listener(ln), nil
}

// open takes the state folder for this process and opens what is in it.
func (r *router) open(ctx context.Context) error {
	dir := r.cfg.StateDir
	if err := os.MkdirAll(filepath.Join(dir, tokenDir), 0o700); err != nil {
		return fmt.Errorf("open state folder: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	r.undo = append(r.undo, func() { _ = lock.Close() })
	if r.archive, err = state.OpenArchive(filepath.Join(dir, closedDir)); err != nil {
		return err
	}
	if r.store, err = state.Open(ctx, filepath.Join(dir, etcdDir)); err != nil {
		return err
	}
	r.undo = append(r.undo, r.store.Close)
	return nil
}

// lockDir makes sure that one process at a time uses the state folder. The kernel lets go of the lock when the process
// ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock state folder %q: another router uses it: %w", dir, err)
	}
	return f, nil
}

// resume builds the engine from what was stored, and makes what was being sent at the last end due again.
func (r *router) resume(ctx context.Context) error {
	stored, err := r.store.Load(ctx)
	if err != nil {
		return err
	}
	r.engine = duty.New(duty.Options{Store: r.store, Now: time.Now, NewID: duty.NewID, Log: r.d.Log, Rules: r.cfg.Rules, Incidents: r.cfg.Incidents}, stored)
	r.measure()
	r.rotations = &rotations{
		source: r.cfg.OnCallSource, path: r.cfg.OnCall, contactsPath: r.cfg.Contacts, engine: r.engine, store: r.store,
		log: r.d.Log, trouble: daemon.NewCondition(r.d.Log, "contacts"), health: r.d.Health, unreachable: r.cfg.unreachable,
	}
	if err := r.rotations.start(ctx); err != nil {
		return err
	}
	r.rotations.announce(ctx)
	if err := r.engine.Recover(ctx); err != nil {
		return err
	}
	if r.cfg.outside != nil {
		key, err := r.store.Secret(ctx, "links")
		if err != nil {
			return err
		}
		r.personal = &personal{links: access.NewLinks(key), url: r.cfg.outside.url, replies: r.cfg.replies}
	}
	r.deliverer = &duty.Deliverer{
		Templates: r.cfg.Templates, Personal: r.personal.of,
		Engine: r.engine, Pagers: r.pagers(), Contacts: r.rotations.contacts.Load, Guard: r.d.Guard, Log: r.d.Log,
		Link: func(id string) string { return r.cfg.PublicURL + "/incidents/" + id },
	}
	if r.pagerDuty != nil {
		r.elsewhere = newElsewhere(r.engine, r.pagerDuty, r.rotations.contacts.Load, daemon.NewCondition(r.d.Log, "pagerduty"))
	}
	return nil
}

// measure publishes what the rules drop.
func (r *router) measure() {
	for reason, count := range map[string]func(rule.Counters) uint64{
		"late":       func(c rule.Counters) uint64 { return c.Late },
		"not_finite": func(c rule.Counters) uint64 { return c.NotFinite },
		"malformed":  func(c rule.Counters) uint64 { return c.Malformed },
	} {
		name := fmt.Sprintf("nezuban_rule_samples_dropped_total{reason=%q}", reason)
		r.d.Metrics.GetOrCreateGauge(name, func() float64 { return float64(count(r.engine.Counters())) })
	}
	r.d.Metrics.GetOrCreateGauge("nezuban_incidents_open", func() float64 { return float64(r.engine.Open()) })
}

// letIn makes the tokens, kept in files for this machine's own commands, and the gate that knows them.
func (r *router) letIn(context.Context) error {
	var tokens []access.Token
	for _, kind := range []access.Kind{access.Ingest, access.Read, access.Act} {
		secret, err := access.EnsureTokenFile(filepath.Join(r.cfg.StateDir, tokenDir, string(kind)))
		if err != nil {
			return err
		}
		tokens = append(tokens, access.Token{Name: "command line", Kind: kind, Hash: access.HashOf(secret)})
	}
	r.gate = access.New(access.Options{
		Tokens: tokens, OpenIngest: r.cfg.OpenOnLoopback, Hosts: []string{r.cfg.publicHost()}, Secure: r.cfg.secure(),
		Store: r.store.Grants(), Now: time.Now,
	})
	return nil
}

// greet tells the operator how to get in, and who is on call.
func (r *router) greet(ctx context.Context) error {
	link, err := r.gate.Invite(ctx, "console")
	if err != nil {
		return fmt.Errorf("make a sign-in link: %w", err)
	}
	fmt.Fprintf(r.out, "sign in: %s%s\n", r.cfg.PublicURL, link)
	answers := board{r}.OnCall(time.Now())
	for _, answer := range answers {
		fmt.Fprintln(r.out, answer)
	}
	if answers == nil {
		fmt.Fprintf(r.out, "on call: nobody, nothing is taken in before nezuban-oncall apply FILE --router %s\n", r.cfg.PublicURL)
	}
	return nil
}

// loop serves, ticks, watches the rotation file and delivers until ctx ends or one of them fails. What has not gone out
// by then stands in the outbox, and goes out after the next start.
func (r *router) loop(ctx context.Context) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	group, running := errgroup.WithContext(running)
	guard := func(body func() error) { group.Go(r.d.Guard(body)) }
	guard(func() error { return daemon.Serve(running, r.listener, r.handler()) })
	if r.outside != nil {
		guard(func() error { return daemon.Serve(running, r.outside, r.publicHandler()) })
	}
	for _, cert := range r.certs {
		guard(func() error { cert.watch(running); return nil })
	}
	if r.elsewhere != nil {
		guard(func() error { r.elsewhere.run(running); return nil })
	}
	guard(func() error { r.rotations.watch(running); return nil })
	guard(func() error { r.tick(running); return nil })
	guard(func() error { r.deliverer.Run(running); return nil })
	if r.deadMan != nil {
		guard(func() error { r.deadMan.run(running); return nil })
	}
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// tick lets time do its work, and files away what is over.
func (r *router) tick(ctx context.Context) {
	ticker := time.NewTicker(tickPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.engine.Tick(ctx)
		if err == nil {
			err = r.sweep(ctx)
		}
		r.d.Health.Set("state", err)
		if err != nil {
			r.trouble.Failed(err)
			continue
		}
		r.trouble.OK()
		if r.deadMan != nil {
			r.deadMan.alive(time.Now())
		}
	}
}

// sweep files away the incidents that are over: first the file, then out of the store.
func (r *router) sweep(ctx context.Context) error {
	over, err := r.engine.Over(ctx)
	if len(over) == 0 || err != nil {
		return err
	}
	if err := r.archive.File(ctx, r.store, over); err != nil {
		return err
	}
	var closed []incident.Incident
	for _, id := range over {
		if inc, ok := r.engine.Incident(id); ok {
			closed = append(closed, inc)
		}
	}
	if err := r.engine.Filed(ctx, over); err != nil {
		return err
	}
	for _, inc := range closed {
		countIncident(r.d.Metrics, inc)
	}
	return nil
}
