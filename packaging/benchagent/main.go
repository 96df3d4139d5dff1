// Command benchagent is `make bench-agent`: it measures what a sample of a container costs, side by side in one run on one
// machine, by the agent, by a loop that does nothing but read the same files, and by cAdvisor's library.
//
// Containers are real, and the agent is the program that is released, with an InfluxDB to write to. What is compared, and what
// the figures mean, is told in docs/benchmarks.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"nezuban/packaging/influxd"
	"nezuban/packaging/loadimage"
)

// options are what the command line says.
type options struct {
	programs, influxd string
	containers        int
	window            time.Duration
	rounds            int
	intervals         []time.Duration
	pprof             string
}

// parse reads the command line.
func parse(args []string) (options, error) {
	o := options{intervals: []time.Duration{10 * time.Second, time.Second}}
	flags := flag.NewFlagSet("benchagent", flag.ContinueOnError)
	flags.StringVar(&o.programs, "programs", ".tools/benchagent", "`folder` with the programs to measure: nezuban-agent, bareloop, handler, manager")
	flags.StringVar(&o.influxd, "influxd", influxd.Path("."), "the InfluxDB that the agent writes to")
	flags.IntVar(&o.containers, "n", 200, "containers")
	flags.DurationVar(&o.window, "window", 20*time.Second, "how long a program is measured in a round; rounded up to whole intervals")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds of each figure")
	flags.Func("intervals", "times between two samples, separated by commas (default 10s,1s)", func(text string) error {
		o.intervals = nil
		for part := range strings.SplitSeq(text, ",") {
			interval, err := time.ParseDuration(part)
			if err == nil && (interval < time.Second || interval > time.Minute) {
				err = errors.New("expected 1s to 1m")
			}
			if err != nil {
				return err
			}
			o.intervals = append(o.intervals, interval)
		}
		return nil
	})
	flags.StringVar(&o.pprof, "pprof", "", "folder into which the agent writes a CPU profile of each window; it must be built with the overlay of packaging/profile")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.containers < 1 || o.rounds < 1 || o.window <= 0 {
		err := errors.New("benchagent: -n, -rounds and -window must be above 0")
		fmt.Fprintln(flags.Output(), err)
		return o, err
	}
	return o, nil
}

func main() {
	runtime.LockOSThread() // the kernel kills our children when the thread that started them ends
	o, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err = measure(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchagent: %v\n", err)
		os.Exit(1)
	}
}

// measure runs everything and prints the table. It removes what it made in Docker, however it ends.
func measure(ctx context.Context, o options) (err error) {
	b := &bench{options: o}
	if b.programs, err = filepath.Abs(o.programs); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "nezuban-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	log, err := os.Create(filepath.Join(b.dir, "influxd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	server, err := influxd.Start(ctx, o.influxd, b.dir, "127.0.0.1:0", influxd.Options{}, log)
	if err != nil {
		return err
	}
	defer server.Stop()
	b.influx = server.URL

	image, err := loadimage.Make(ctx, ".", loadimage.Socket())
	if err != nil {
		return err
	}
	began := time.Now()
	b.docker = newDocker(loadimage.Socket(), image)
	defer func() { err = errors.Join(err, b.docker.removeAll(context.WithoutCancel(ctx))) }()
	if err := b.docker.startAll(ctx, o.containers); err != nil {
		return err
	}
	fmt.Printf("%d containers made in %.0f s, beside %d others that run; their label is %s=%s\n",
		o.containers, time.Since(began).Seconds(), b.docker.others, label, b.docker.run)
	if err := b.prepare(ctx); err != nil {
		return err
	}
	fmt.Printf("the agent holds %d files of each container open\n", b.filesEach)
	for round := range o.rounds {
		for _, interval := range o.intervals {
			if err := b.round(ctx, round, interval); err != nil {
				return err
			}
		}
	}
	fmt.Println()
	return b.print(os.Stdout)
}
