package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"nezuban/agent/daemon"
	"nezuban/agent/tlsfile"
	"nezuban/router/internal/access"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state"
)

// node is this process: what it has whether it leads or not, built in the order of its fields. The [router] that decides
// and delivers exists while it leads.
type node struct {
	cfg      Config
	d        *daemon.Daemon
	out      io.Writer
	listener net.Listener
	outside  net.Listener // for ack pages and providers; nil: there is none
	certs    []certificate
	archive  *state.Archive
	scribe   *scribe // nil: there is no InfluxDB
	conn     *state.Conn
	tokens   []access.Token
	ingest   string       // secret: the ingest token, for what this machine may send without one
	gate     *access.Gate // knows tokens alone: sessions are the leader's
	forward  *forwarder
	undo     []func() // what was acquired, in order

	emergency *emergency
	space     atomic.Pointer[state.Space] // as last measured by the leader; nil: never

	applied atomic.Bool            // the cluster has a rotation file, as far as a follower has looked
	current atomic.Pointer[router] // nil: this router does not lead
	known   chan struct{}          // closed when it is known for the first time who leads
	settle  sync.Once              // closes known
}

// Run runs a router until ctx ends, and returns when everything that it started has ended. Pages of the terminal channel
// go to out, a line each; so do a sign-in link and who is on call, when it begins to lead.
func Run(ctx context.Context, cfg Config, d *daemon.Daemon, out io.Writer) error {
	n := &node{cfg: cfg, d: d, out: out, known: make(chan struct{})}
	n.emergency = &emergency{router: cmp.Or(cfg.Advertise, cfg.PublicURL), link: cfg.PublicURL, file: filepath.Join(cfg.StateDir, toldFile), now: time.Now, guard: d.Guard, log: d.Log}
	defer n.close()
	for _, step := range []func(context.Context) error{n.listen, n.open, n.letIn} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := n.emergency.recall(); err != nil {
		d.Log.Warn("nobody hears that it is over", "err", err)
	}
	n.measure()
	return n.loop(ctx)
}

// close gives back what was acquired, last first.
func (n *node) close() {
	for _, undo := range slices.Backward(n.undo) {
		undo()
	}
}

// listen takes the ports first: a second router on them fails before it touches any state.
func (n *node) listen(ctx context.Context) error {
	var err error
	if n.listener, err = n.bind(ctx, n.cfg.Listen, n.cfg.tls); err != nil || n.cfg.outside == nil {
		return err
	}
	n.outside, err = n.bind(ctx, n.cfg.outside.listen, n.cfg.outside.tls)
	return err
}

// bind takes a port; with files it is served by TLS.
func (n *node) bind(ctx context.Context, address string, files *tlsfile.Pair) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	n.undo = append(n.undo, func() { _ = ln.Close() })
	if files == nil {
		return ln, nil
	}
	cert, err := n.followFiles(*files, shownStays)
	if err != nil {
		return nil, err
	}
	return cert.listener(ln), nil
}

// open takes the state folder for this process, and opens what is in it or the cluster in its place.
func (n *node) open(ctx context.Context) error {
	dir := n.cfg.StateDir
	if err := os.MkdirAll(filepath.Join(dir, tokenDir), 0o700); err != nil {
		return fmt.Errorf("open state folder: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	n.undo = append(n.undo, func() { _ = lock.Close() })
	if n.archive, err = state.OpenArchive(filepath.Join(dir, closedDir)); err != nil {
		return err
	}
	if n.cfg.history != nil {
		n.scribe = newScribe(*n.cfg.history, n.archive, dir, n.d)
	}
	if n.cfg.etcdPair != nil {
		if _, err := n.followFiles(*n.cfg.etcdPair, etcdFails); err != nil {
			return err
		}
	}
	if n.conn, err = state.Connect(ctx, n.cfg.stateOptions()); err != nil {
		return err
	}
	n.undo = append(n.undo, n.conn.Close)
	return nil
}

// lockDir makes sure that one process at a time uses the state folder: the error wraps [ErrRunning] when another one does.
// The kernel lets go of the lock when the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrRunning
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock state folder %q: %w", dir, err)
	}
	return f, nil
}

// letIn makes the tokens, kept in files for this machine's own commands, and the gate that knows them.
func (n *node) letIn(context.Context) error {
	for _, kind := range []access.Kind{access.Ingest, access.Read, access.Act} {
		secret, err := access.EnsureTokenFile(filepath.Join(n.cfg.StateDir, tokenDir, string(kind)))
		if err != nil {
			return err
		}
		if kind == access.Ingest {
			n.ingest = secret
		}
		n.tokens = append(n.tokens, access.Token{Name: "command line", Kind: kind, Hash: access.HashOf(secret)})
	}
	n.gate = n.newGate(nil)
	n.forward = newForwarder(n.cfg.Advertise, n.conn.Leader, n.emergency.refusedOne, n.d)
	n.undo = append(n.undo, n.forward.close)
	return nil
}

// newGate is a gate that keeps sign-in links and sessions in a store.
func (n *node) newGate(grants access.Store) *access.Gate {
	return access.New(access.Options{
		Tokens: n.tokens, OpenIngest: n.cfg.OpenOnLoopback, Hosts: n.cfg.hosts(), Secure: n.cfg.secure(), Store: grants, Now: time.Now,
	})
}

// fingerprint tells whether two routers accept the same tokens, and says nothing about them.
func fingerprint(tokens []access.Token) string {
	sum := sha256.New()
	for _, t := range tokens {
		fmt.Fprintf(sum, "%s %s\n", t.Kind, t.Hash)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// loop serves, and leads when it is this router's turn, until ctx ends or one of them fails.
func (n *node) loop(ctx context.Context) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	group, running := errgroup.WithContext(running)
	guard := func(body func() error) { group.Go(n.d.Guard(body)) }
	guard(func() error { return n.serve(running, n.listener, n.handler()) })
	if n.outside != nil {
		guard(func() error { return n.serve(running, n.outside, n.outsideHandler()) })
	}
	for _, cert := range n.certs {
		guard(func() error { cert.watch(running); return nil })
	}
	guard(func() error { return n.lead(running) })
	guard(func() error { return n.watchState(running) })
	guard(func() error { n.emergency.run(running); return nil })
	if n.scribe != nil {
		guard(func() error { n.scribe.run(running); return nil })
	}
	if !n.conn.Embedded() {
		guard(func() error { n.follow(running); return nil })
		guard(func() error { n.gather(running); return nil })
	}
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// serve answers requests from when it is known who leads: what is sent right after a start waits for that, at the listener.
func (n *node) serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	select {
	case <-ctx.Done():
		return nil
	case <-n.known:
	}
	return daemon.Serve(ctx, ln, handler)
}

// settled notes that it is known who leads.
func (n *node) settled() { n.settle.Do(func() { close(n.known) }) }

// watchState ends the process when the embedded etcd cannot go on, and tells whoever is on call before that.
func (n *node) watchState(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-n.conn.Broken():
		err = fmt.Errorf("the embedded etcd cannot go on: %w", err)
		n.emergency.failed(err)
		n.emergency.tell(ctx, true)
		return err
	}
}

// measure publishes what this router knows; what only the leader knows is 0 on the others.
func (n *node) measure() {
	gauge := func(name string, of func(*duty.Engine) float64) {
		n.d.Metrics.GetOrCreateGauge(name, func() float64 {
			if r := n.current.Load(); r != nil {
				return of(r.engine)
			}
			return 0
		})
	}
	for reason, count := range map[string]func(rule.Counters) uint64{
		"late":       func(c rule.Counters) uint64 { return c.Late },
		"not_finite": func(c rule.Counters) uint64 { return c.NotFinite },
		"malformed":  func(c rule.Counters) uint64 { return c.Malformed },
	} {
		name := fmt.Sprintf("nezuban_rule_samples_dropped_total{reason=%q}", reason)
		gauge(name, func(e *duty.Engine) float64 { return float64(count(e.Counters())) })
	}
	gauge("nezuban_incidents_open", func(e *duty.Engine) float64 { return float64(e.Open()) })
	n.d.Metrics.GetOrCreateGauge("nezuban_incidents_unheard", func() float64 {
		if r := n.current.Load(); r != nil {
			return float64(unheard(r.outgoing(), time.Now()))
		}
		return 0
	})
	gauge("nezuban_leading", func(*duty.Engine) float64 { return 1 })
	for part, of := range map[string]func(state.Space) int64{
		"quota": func(s state.Space) int64 { return s.Quota },
		"size":  func(s state.Space) int64 { return s.Size },
		"used":  func(s state.Space) int64 { return s.InUse },
		"disk":  func(s state.Space) int64 { return s.Free },
	} {
		gauge(fmt.Sprintf("nezuban_state_bytes{part=%q}", part), func(*duty.Engine) float64 {
			if s := n.space.Load(); s != nil {
				return float64(of(*s))
			}
			return 0
		})
	}
}
