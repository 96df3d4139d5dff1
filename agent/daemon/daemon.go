// Package daemon is the life of a Nezuban process: signals, logging, crash
// reports, health, metrics and an orderly end.
//
// The main of each daemon calls [Main]; the app it runs uses the [Daemon] it is
// given. The package reads no configuration, knows nothing of what a daemon
// does, and never starts a goroutine that outlives the call that started it.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/VictoriaMetrics/metrics"
)

// Options say who the process is.
type Options struct {
	Name      string // such as nezuban-agent
	Version   string // empty: Version()
	LogLevel  string // debug, info, warn or error; empty: info
	SentryDSN string // where crashes are reported besides the log; empty: nowhere
}

// Daemon is what every part of a process shares.
type Daemon struct {
	Log     *slog.Logger
	Health  *Health
	Metrics *metrics.Set // the process's own figures; Handler adds those of the Go runtime

	crash reporter
}

// Main runs body until it returns, and gives the exit code: 0 when it returns
// nil, 1 after an error or a panic. The context ends at SIGINT or SIGTERM; a
// second signal ends the process at once. An error that is only the context's
// own end counts as nil. That nobody reads standard output or standard error any
// more ends no process: writing there fails from then on, and the log is lost.
// Nor does SIGHUP, by which many a daemon reads its configuration again: the log
// says that these do not.
//
// A panic in body, or in a function under [Daemon.Guard], is logged with its
// stack, and reported to Sentry when there is a DSN.
func Main(opts Options, body func(ctx context.Context, d *Daemon) error) int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second signal its usual meaning
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	return run(ctx, opts, os.Stderr, func(ctx context.Context, d *Daemon) error {
		defer d.outlive(hangups)()
		return body(ctx, d)
	})
}

// outlive says of each hangup that it changes nothing, until the function that it returns is called.
func (d *Daemon) outlive(hangups <-chan os.Signal) (stop func()) {
	over := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			select {
			case <-hangups:
				d.Log.Warn("SIGHUP changes nothing: the configuration is read at the start; restart after a change")
			case <-over:
				return
			}
		}
	})
	return func() {
		close(over)
		listening.Wait()
	}
}

// run is Main without the process's own signals and streams.
func run(ctx context.Context, opts Options, stderr io.Writer, body func(ctx context.Context, d *Daemon) error) int {
	d, err := newDaemon(opts, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", opts.Name, err)
		return 1
	}
	d.Log.Info("starting", "version", opts.version())
	err = d.Guard(func() error { return body(ctx, d) })()
	panicked, crashed := errors.AsType[*PanicError](err)
	switch {
	case crashed:
		d.Log.Error("crashed", "panic", panicked.Value, "stack", string(panicked.Stack))
		return 1
	case err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)):
		d.Log.Error("stopped", "error", err)
		return 1
	}
	d.Log.Info("stopped")
	return 0
}

func newDaemon(opts Options, stderr io.Writer) (*Daemon, error) {
	log, err := newLogger(stderr, opts.LogLevel)
	if err != nil {
		return nil, err
	}
	crash, err := newReporter(opts)
	if err != nil {
		return nil, err
	}
	set := metrics.NewSet()
	set.NewGauge(fmt.Sprintf("nezuban_build_info{name=%q,version=%q}", opts.Name, opts.version()), func() float64 { return 1 })
	return &Daemon{Log: log, Health: &Health{}, Metrics: set, crash: crash}, nil
}

func (o Options) version() string {
	if o.Version != "" {
		return o.Version
	}
	return Version()
}
