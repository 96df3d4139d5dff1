package app

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// proxy stands before the engine's socket, and can be taken away and put back.
type proxy struct {
	t           testing.TB
	front, back string
	mu          sync.Mutex
	listener    net.Listener
	connections map[net.Conn]bool
	copying     sync.WaitGroup
}

func newProxy(t testing.TB, back string) *proxy {
	t.Helper()
	p := &proxy{t: t, front: filepath.Join(t.TempDir(), "docker.sock"), back: back, connections: make(map[net.Conn]bool)}
	t.Cleanup(p.cut)
	return p
}

// restore begins to accept.
func (p *proxy) restore() {
	p.t.Helper()
	_ = os.Remove(p.front)
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "unix", p.front)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.listener = ln
	p.mu.Unlock()
	p.copying.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.serve(ln, conn)
		}
	})
}

// serve carries a connection that came by a listener, unless that was cut off meanwhile.
func (p *proxy) serve(by net.Listener, front net.Conn) {
	back, err := (&net.Dialer{}).DialContext(context.Background(), "unix", p.back)
	if err != nil {
		front.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != by {
		front.Close()
		back.Close()
		return
	}
	p.connections[front], p.connections[back] = true, true
	forward := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		to.Close()
		from.Close()
	}
	p.copying.Go(func() { forward(front, back) })
	p.copying.Go(func() { forward(back, front) })
}

// cut closes the socket and every connection through it.
func (p *proxy) cut() {
	p.mu.Lock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	for conn := range p.connections {
		conn.Close()
	}
	clear(p.connections)
	p.mu.Unlock()
	p.copying.Wait()
}
