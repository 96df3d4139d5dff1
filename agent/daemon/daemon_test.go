package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

// When this is set the test binary plays a daemon; see TestSignals and TestNobodyReadsTheOutput.
const playEnv = "NEZUBAN_TEST_PLAY_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(playEnv) != "" {
		os.Exit(Main(Options{Name: "nezuban-test", Version: "1"}, play))
	}
	goleak.VerifyTestMain(m)
}

// play says that it runs and ends with its context, or never; or it ends with its input, and must not be heard.
func play(ctx context.Context, d *Daemon) error {
	if os.Getenv(playEnv) == "unheard" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		d.Log.Info("working")
		if _, err := fmt.Println("working"); !errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("write to standard output: found %w, expected a broken pipe", err)
		}
		return nil
	}
	fmt.Println("running")
	<-ctx.Done()
	fmt.Println("ending")
	if os.Getenv(playEnv) == "deaf" {
		select {}
	}
	return ctx.Err()
}

func TestRunExitCodes(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	tests := map[string]struct {
		ctx     context.Context
		opts    Options
		body    func(ctx context.Context, d *Daemon) error
		code    int
		inLog   []string
		nowhere string
	}{
		"clean": {
			ctx: t.Context(), opts: Options{Name: "n", Version: "7"}, body: func(context.Context, *Daemon) error { return nil },
			code: 0, inLog: []string{"msg=starting version=7", "msg=stopped"}, nowhere: "level=ERROR",
		},
		"stopped by a signal": {
			ctx: cancelled, body: func(ctx context.Context, _ *Daemon) error { return fmt.Errorf("run: %w", ctx.Err()) },
			code: 0, inLog: []string{"msg=stopped"}, nowhere: "level=ERROR",
		},
		"cancelled by itself": {
			ctx: t.Context(), body: func(context.Context, *Daemon) error { return context.Canceled },
			code: 1, inLog: []string{"level=ERROR msg=stopped"},
		},
		"error": {
			ctx: t.Context(), body: func(context.Context, *Daemon) error { return errors.New("listen 17070: address in use") },
			code: 1, inLog: []string{`level=ERROR msg=stopped error="listen 17070: address in use"`},
		},
		"panic": {
			ctx: t.Context(), body: func(context.Context, *Daemon) error { panic("out of luck") },
			code: 1, inLog: []string{"msg=crashed", `panic="out of luck"`, "daemon_test.go"},
		},
		"panic in a guarded goroutine": {
			ctx: t.Context(), body: func(_ context.Context, d *Daemon) error {
				var group errgroup.Group
				group.Go(d.Guard(func() error { panic(errors.New("far away")) }))
				return group.Wait()
			},
			code: 1, inLog: []string{"msg=crashed", `panic="far away"`, "daemon_test.go"},
		},
		"unknown log level": {
			ctx: t.Context(), opts: Options{Name: "n", LogLevel: "loud"}, body: nil,
			code: 1, inLog: []string{`n: log level: found "loud", expected debug, info, warn or error`},
		},
		"bad DSN": {
			ctx: t.Context(), opts: Options{Name: "n", SentryDSN: "https://s3cret"}, body: nil,
			code: 1, inLog: []string{"n: sentry dsn: found a text that is no DSN"}, nowhere: "s3cret",
		},
		"secrets": {
			ctx: t.Context(), body: func(_ context.Context, d *Daemon) error {
				d.Log.Info("x", "token", "s3cret", "api_password", "s3cret", "Authorization", "s3cret")
				return nil
			},
			code: 0, inLog: []string{"token=[redacted]"}, nowhere: "s3cret",
		},
		"debug is quiet by default": {
			ctx: t.Context(), body: func(_ context.Context, d *Daemon) error { d.Log.Debug("whisper"); return nil },
			code: 0, nowhere: "whisper",
		},
		"debug": {
			ctx: t.Context(), opts: Options{LogLevel: "debug"}, body: func(_ context.Context, d *Daemon) error { d.Log.Debug("whisper"); return nil },
			code: 0, inLog: []string{"whisper"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			if code := run(test.ctx, test.opts, &log, test.body); code != test.code {
				t.Errorf("found exit code %d, expected %d", code, test.code)
			}
			for _, want := range test.inLog {
				if !strings.Contains(log.String(), want) {
					t.Errorf("expected %q in the log:\n%s", want, &log)
				}
			}
			if test.nowhere != "" && strings.Contains(log.String(), test.nowhere) {
				t.Errorf("found %q in the log:\n%s", test.nowhere, &log)
			}
		})
	}
}

// A crash goes to Sentry besides the log, with its stack.
func TestCrashIsReported(t *testing.T) {
	code, reports, log, took := crashed(t)
	for tries := 1; took >= reportTimeout && tries < 5; tries++ { // the machine stood still until the report was given up
		code, reports, log, took = crashed(t)
	}
	if code != 1 || len(reports) != 1 {
		t.Fatalf("found exit code %d and %d reports, expected 1 and one", code, len(reports))
	}
	for _, want := range []string{"/api/7/envelope/", "out of luck", "nezuban-test@1.2", "crashed.func"} {
		if !strings.Contains(reports[0], want) {
			t.Errorf("expected %q in the report:\n%s", want, reports[0])
		}
	}
	if !strings.Contains(log, `panic="out of luck"`) {
		t.Errorf("expected the panic in the log too:\n%s", log)
	}
}

// crashed runs a daemon that panics, beside a Sentry.
func crashed(t *testing.T) (code int, reports []string, log string, took time.Duration) {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, r.URL.Path+" "+string(body))
	}))
	dsn := strings.Replace(server.URL, "http://", "http://publickey@", 1) + "/7"
	var text strings.Builder
	start := time.Now()
	code = run(t.Context(), Options{Name: "nezuban-test", Version: "1.2", SentryDSN: dsn}, &text, func(_ context.Context, d *Daemon) error {
		var group errgroup.Group
		group.Go(d.Guard(func() error { panic("out of luck") }))
		return group.Wait()
	})
	took = time.Since(start)
	server.Close() // which waits for its requests
	return code, reports, text.String(), took
}

func TestCrashWithoutSentryServer(t *testing.T) {
	var log strings.Builder
	start := time.Now()
	code := run(t.Context(), Options{Name: "n", SentryDSN: "http://key@127.0.0.1:1/7"}, &log, func(context.Context, *Daemon) error { panic("out of luck") })
	if code != 1 || !strings.Contains(log.String(), "out of luck") || time.Since(start) > 2*reportTimeout {
		t.Errorf("found exit code %d after %s:\n%s", code, time.Since(start), &log)
	}
}

// The real process: the first signal ends it in order, the second at once.
func TestSignals(t *testing.T) {
	tests := map[string]struct {
		play    string
		signals []os.Signal
		code    int // -1: killed by the signal
	}{
		"TERM":           {"ends", []os.Signal{syscall.SIGTERM}, 0},
		"INT":            {"ends", []os.Signal{os.Interrupt}, 0},
		"TERM, then INT": {"deaf", []os.Signal{syscall.SIGTERM, os.Interrupt}, -1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), playEnv+"="+test.play)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for _, s := range test.signals {
				var word string // running, then ending
				if _, err := fmt.Fscanln(out, &word); err != nil {
					t.Fatal(err)
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			var again sync.WaitGroup
			again.Go(func() { // a signal that comes before the first one's handler is gone ends nothing
				for test.play == "deaf" && cmd.Process.Signal(os.Interrupt) == nil {
					time.Sleep(50 * time.Millisecond)
				}
			})
			_, _ = io.Copy(io.Discard, out)
			_ = cmd.Wait()
			again.Wait()
			if code := cmd.ProcessState.ExitCode(); code != test.code || ctx.Err() != nil {
				t.Errorf("found exit code %d (%v), expected %d", code, cmd.ProcessState, test.code)
			}
		})
	}
}

// SIGHUP, sent by habit so that the configuration is read again, ends nothing. The log says so, and TERM still works.
func TestHangup(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), playEnv+"=ends")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var word string
	if _, err := fmt.Fscanln(out, &word); err != nil || word != "running" {
		t.Fatalf("found %q, %v", word, err)
	}
	log := bufio.NewScanner(stderr)
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for log.Scan() && !strings.Contains(log.Text(), "SIGHUP") {
		}
		if !strings.Contains(log.Text(), "the configuration is read at the start") {
			t.Fatalf("found %q in the log, %v", log.Text(), log.Err())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for log.Scan() {
		if strings.Contains(log.Text(), "SIGHUP") {
			t.Errorf("found one line more than there were signals: %s", log.Text())
		}
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("found exit code %d (%v), expected 0", code, cmd.ProcessState)
	}
}

func TestVersionIsNeverEmpty(t *testing.T) {
	if Version() == "" {
		t.Error("found an empty version")
	}
}

// A daemon whose output goes to a program that ends, such as tee or logger, works on.
func TestNobodyReadsTheOutput(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), playEnv+"=unheard")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, pipe := range []io.Closer{out, log, input} {
		if err := pipe.Close(); err != nil {
			t.Error(err)
		}
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("found exit code %d (%v), expected 0", code, cmd.ProcessState)
	}
}
