package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of every server of ours.
const (
	shutdownTimeout = 5 * time.Second
	maxHeaderBytes  = 64 << 10
)

// Serve answers requests on ln until ctx ends, within limits of time and size,
// and stops as [ServeBy] does.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	return ServeBy(ctx, ln, &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
	})
}

// ServeBy has a server answer requests on ln until ctx ends. It takes no new
// ones then, closes the connections on which nothing was asked yet, gives the
// requests under way 5 s to finish, and cuts off the rest. It returns nil when
// all of them finished, and closes ln in any case. The requests' own contexts
// do not end with ctx. The server's ConnState is its own.
func ServeBy(ctx context.Context, ln net.Listener, server *http.Server) error {
	var silent sync.Map // connections that have asked nothing yet: a shutdown would wait for them
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state != http.StateNew {
			silent.Delete(conn)
			return
		}
		silent.Store(conn, nil)
		if ctx.Err() != nil { // it came too late for what closes the others
			_ = conn.Close()
		}
	}
	failed := make(chan error, 1)
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() { failed <- server.Serve(ln) })
	select {
	case err := <-failed:
		_ = server.Close()
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	silent.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close() // whoever was about to ask asks again
		return true
	})
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		_ = server.Close()
		err = fmt.Errorf("serve %s: requests still running %s after the stop were cut off", ln.Addr(), shutdownTimeout)
	}
	return err
}
