package testenv

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Relay is a way to an address on loopback that a test may close: it passes connections on, both ways. It is safe for
// concurrent use.
type Relay struct {
	Addr string // host:port to connect to

	mu    sync.Mutex
	state relayState
	moved *sync.Cond // state has changed
	conns []net.Conn
}

type relayState int8

const (
	relayOpen  relayState = iota
	relayStill            // connections stay, and nothing passes
	relayCut
)

// NewRelay opens a way to an address; it is closed when the test ends.
func NewRelay(tb testing.TB, to string) *Relay {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r := &Relay{Addr: ln.Addr().String()}
	r.moved = sync.NewCond(&r.mu)
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { r.join(in, to) })
		}
	})
	tb.Cleanup(func() {
		_ = ln.Close()
		r.Cut()
		passing.Wait()
	})
	return r
}

// Cut ends all connections, and each new one as soon as it is made.
func (r *Relay) Cut() {
	r.become(relayCut)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

// Still lets nothing pass from now on, as a network that loses all packets: connections stay, and new ones come about.
func (r *Relay) Still() { r.become(relayStill) }

// Open ends a [Relay.Still] or a [Relay.Cut]. What was on its way passes.
func (r *Relay) Open() { r.become(relayOpen) }

func (r *Relay) become(s relayState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = s
	r.moved.Broadcast()
}

// join connects in with the address, and returns when the connection has ended.
func (r *Relay) join(in net.Conn, to string) {
	defer func() { _ = in.Close() }()
	if !r.pass() {
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	if !r.keep(in, out) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(way[1], gated{r, way[0]}) // an end of either is the end of both
			_ = in.Close()
			_ = out.Close()
		})
	}
	both.Wait()
}

// keep remembers connections that Cut ends; false when it has ended all.
func (r *Relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == relayCut {
		return false
	}
	r.conns = append(r.conns, conns...)
	return true
}

// pass waits while nothing passes; false when all is cut.
func (r *Relay) pass() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.state == relayStill {
		r.moved.Wait()
	}
	return r.state == relayOpen
}

// gated reads what may pass.
type gated struct {
	relay *Relay
	from  io.Reader
}

func (g gated) Read(p []byte) (int, error) {
	n, err := g.from.Read(p)
	if !g.relay.pass() {
		return 0, io.ErrClosedPipe
	}
	return n, err
}
