package dockerproxy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of the server.
const (
	maxConnections    = 64 // further ones wait
	maxHeaderBytes    = 8 << 10
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 5 * time.Second
)

// Serve answers on ln until ctx ends; streams then end, and other questions have
// 5 s to be answered. It closes ln, and returns when all has ended.
func (p *Proxy) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:                      p.handler(ctx),
		DisableGeneralOptionsHandler: true, // OPTIONS * is refused like all else
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     log.New(oddities{p}, "", 0),
	}
	var silent sync.Map // connections that have asked nothing yet: a shutdown would wait for them
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			silent.Store(conn, nil)
			if ctx.Err() != nil { // it came too late for what closes the others
				_ = conn.Close()
			}
			return
		}
		silent.Delete(conn)
	}
	failed := make(chan error, 1)
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() { failed <- server.Serve(netutil.LimitListener(ln, maxConnections)) })
	select {
	case err := <-failed:
		_ = server.Close()
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	silent.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close() // nothing is lost
		return true
	})
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		_ = server.Close()
		err = fmt.Errorf("serve %s: answers still on their way %s after the stop were cut off", ln.Addr(), shutdownTimeout)
	}
	return err
}

// oddities takes what net/http says of itself, some of it for each odd request.
type oddities struct{ p *Proxy }

// Write lets a line into the log, sparingly.
func (o oddities) Write(line []byte) (int, error) {
	if n, say := o.p.odd.note(o.p.now()); say {
		o.p.log.Warn("trouble", "with", "requests", "error", strings.TrimSpace(string(line)), "times", n)
	}
	return len(line), nil
}
