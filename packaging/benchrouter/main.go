// Command benchrouter is `make bench-router`: it measures the router and an Alertmanager side by side, in one run on one
// machine, by what both do: take alerts at POST /api/v2/alerts, and send a webhook.
//
// The router runs as it does for its users, with embedded etcd, each answer after its fsync; an Alertmanager keeps alerts
// in memory alone. What is compared, and what the figures mean, is told in docs/benchmarks.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"nezuban/packaging/profile"
)

// options are what the command line says.
type options struct {
	router, alertmanager string
	rounds, open         int
	wait                 time.Duration
	pprof                string
}

func main() {
	runtime.LockOSThread() // the kernel kills our children when the thread that started them ends
	var o options
	flag.StringVar(&o.router, "router", "bin/nezuban-router", "the router to measure")
	flag.StringVar(&o.alertmanager, "alertmanager", "", "the Alertmanager to compare with; none: .tools/bin/alertmanager or prometheus-alertmanager")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each figure")
	flag.IntVar(&o.open, "open", 100_000, "open incidents at the end, from 10000")
	flag.DurationVar(&o.wait, "wait", time.Minute, "how long at least an Alertmanager with defaults is given for its first page, second alert and resolve")
	flag.StringVar(&o.pprof, "pprof", "", "folder into which the router writes a CPU profile of each part; router must be built with the overlay of packaging/profile")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := measure(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchrouter: %v\n", err)
		os.Exit(1)
	}
}

// measure runs everything and prints the table.
func measure(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	b, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Printf("load before %s, %d processors\n", load(), runtime.NumCPU())
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"latency", b.latency},
		{"resolve", b.resolves},
		{"second", b.seconds},
		{"singles", b.singles},
		{"paged", b.paged},
		{"ten-thousand", b.tenThousand},
		{"batches", b.batches},
		{"resend", b.resend},
		{"all", b.all},
		{"defaults", b.defaults},
	} {
		began := time.Now()
		finish := func() {}
		if o.pprof != "" {
			finish = profile.Start(b.pprofSocket, o.pprof, part.name)
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		finish()
		fmt.Printf("%-13s %6.1f s, load %s\n", part.name, time.Since(began).Seconds(), load())
	}
	fmt.Println()
	b.table.print()
	return nil
}

// bench is a run: the subjects and what is known of them.
type bench struct {
	options
	to       *receiver
	late     *receiver // of the Alertmanager with defaults
	ours     *subject
	theirs   *subject
	waiting  *subject // an Alertmanager with defaults, in the background
	began    time.Time
	table    table
	sent     map[*subject][][]byte // alerts that are open, all of them
	number   int                   // of the next alert
	behind   chan error            // what became of the background
	tempDirs []string

	pprofSocket string // where the router is asked for profiles, with -pprof
}

func prepare(ctx context.Context, o options) (*bench, error) {
	var err error
	if o.router, err = filepath.Abs(o.router); err != nil {
		return nil, err
	}
	if o.alertmanager, err = find(o.alertmanager, ".tools/bin/alertmanager", "prometheus-alertmanager"); err != nil {
		return nil, err
	}
	b := &bench{options: o, sent: map[*subject][][]byte{}, behind: make(chan error, 1)}
	dir, err := os.MkdirTemp("", "nezuban-bench-")
	if err != nil {
		return nil, err
	}
	b.tempDirs = append(b.tempDirs, dir)
	if b.to, err = newReceiver(ctx); err == nil {
		b.late, err = newReceiver(ctx)
	}
	if err != nil {
		return b, err
	}
	if b.ours, err = newRouter(ctx, o.router, filepath.Join(dir, "router"), b.to); err != nil {
		return b, err
	}
	if b.theirs, err = newAlertmanager(ctx, "Alertmanager", o.alertmanager, filepath.Join(dir, "am"), routeAtOnce, b.to); err != nil {
		return b, err
	}
	if b.waiting, err = newAlertmanager(ctx, "Alertmanager with defaults", o.alertmanager, filepath.Join(dir, "am-defaults"), routeDefaults, b.late); err != nil {
		return b, err
	}
	if o.pprof != "" {
		b.pprofSocket = filepath.Join(dir, "pprof.sock")
		b.ours.env = []string{profile.Env + "=" + b.pprofSocket}
	}
	for _, s := range []*subject{b.ours, b.theirs, b.waiting} {
		if _, err := s.start(ctx); err != nil {
			return b, err
		}
	}
	b.began = time.Now()
	go func() { b.behind <- b.background(ctx) }() // ends with ctx
	return b, nil
}

// find is the first program that there is.
func find(asked string, others ...string) (string, error) {
	if asked != "" {
		others = []string{asked}
	}
	for _, name := range others {
		if path, err := exec.LookPath(name); err == nil || errors.Is(err, exec.ErrDot) {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("no Alertmanager: found none of %q; make .tools/bin/alertmanager, or apt-get install prometheus-alertmanager", others)
}

func (b *bench) close() {
	for _, s := range []*subject{b.ours, b.theirs, b.waiting} {
		if s != nil {
			s.stop()
		}
	}
	for _, dir := range b.tempDirs {
		_ = os.RemoveAll(dir)
	}
}

// post sends one request with alerts of these ids.
func (b *bench) post(ctx context.Context, s *subject, ids []string, severity string, until time.Time) error {
	var list [][]byte
	for _, id := range ids {
		list = append(list, alert(id, severity, b.began, until))
	}
	_, _, err := send(ctx, s.host, requests(s.host, list, len(list)), 1)
	return err
}

// fresh makes alerts that nobody has seen.
func (b *bench) fresh(n int, severity string) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = alert(fmt.Sprintf("b%07d", b.number), severity, b.began.Add(-time.Minute), time.Time{})
		b.number++
	}
	return list
}
