package daemon

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/getsentry/sentry-go"
)

// reportTimeout bounds how long a crashing process waits for Sentry.
const reportTimeout = 3 * time.Second

// PanicError is a panic that Guard turned into an error.
type PanicError struct {
	Value any    // what was panicked with
	Stack []byte // of the goroutine that panicked
}

// Error is the panic's value; the stack is for the log.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Guard wraps a function that is to run in a goroutine of its own, so that its
// panic ends the daemon in order: it is reported and becomes a *[PanicError],
// which body returns to [Main] like any other error.
//
//	group.Go(d.Guard(func() error { return sampler.Run(ctx) }))
func (d *Daemon) Guard(f func() error) func() error {
	return func() (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = &PanicError{Value: value, Stack: debug.Stack()}
				d.crash.report(value)
			}
		}()
		return f()
	}
}

// reporter sends crashes to Sentry; one without a DSN sends nothing.
type reporter struct{ options sentry.ClientOptions }

// newReporter makes no connection and starts nothing: a client is made when
// there is something to report. A DSN holds a key: the error does not repeat it.
func newReporter(opts Options) (reporter, error) {
	if opts.SentryDSN == "" {
		return reporter{}, nil
	}
	if _, err := sentry.NewDsn(opts.SentryDSN); err != nil {
		return reporter{}, errors.New("sentry dsn: found a text that is no DSN, expected one like https://KEY@HOST/PROJECT")
	}
	transport := sentry.NewHTTPSyncTransport()
	transport.Timeout = reportTimeout
	return reporter{sentry.ClientOptions{
		Dsn:           opts.SentryDSN,
		Release:       opts.Name + "@" + opts.version(),
		Transport:     transport,
		HTTPTransport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},

		AttachStacktrace: true, // to a panic with a text too
	}}, nil
}

// report runs in the deferred call of the panicking goroutine, whose stack is
// still there to be read. That it failed is not said: the crash itself is in
// the log, and matters more.
func (r reporter) report(value any) {
	if r.options.Dsn == "" {
		return
	}
	client, err := sentry.NewClient(r.options)
	if err != nil {
		return
	}
	defer client.Close()
	sentry.NewHub(client, sentry.NewScope()).Recover(value)
}
