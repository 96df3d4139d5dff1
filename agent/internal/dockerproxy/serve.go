package dockerproxy

import (
	"context"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"nezuban/agent/daemon"
)

// Limits of the server.
const (
	maxConnections    = 64 // further ones wait
	maxHeaderBytes    = 8 << 10
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 2 * time.Minute
)

// Serve answers on ln until ctx ends; streams then end, and other questions have
// 5 s to be answered. It closes ln, and returns when all has ended.
func (p *Proxy) Serve(ctx context.Context, ln net.Listener) error {
	return daemon.ServeBy(ctx, netutil.LimitListener(ln, maxConnections), &http.Server{
		Handler:                      p.handler(ctx),
		DisableGeneralOptionsHandler: true, // OPTIONS * is refused like all else
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     log.New(oddities{p}, "", 0),
	})
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
