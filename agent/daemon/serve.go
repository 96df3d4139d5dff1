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

// Serve answers requests on ln until ctx ends, then takes no new ones, gives
// those under way 5 s to finish, and cuts off the rest. It returns nil when all
// of them finished, and closes ln in any case. The requests' own contexts do not
// end with ctx.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
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
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		_ = server.Close()
		err = fmt.Errorf("serve %s: requests still running %s after the stop were cut off", ln.Addr(), shutdownTimeout)
	}
	return err
}
