// Command watch is `make run`: it starts InfluxDB and Nezuban's daemons on this
// machine, shows the router's pages, and stops everything on Ctrl-C.
//
// It is for a first look and for work on Nezuban itself, on loopback only; it
// is no way to run the daemons on real hosts, where each has its own unit.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	// The kernel kills our children when the thread that started them ends;
	// the main thread ends with the process and no sooner.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer context.AfterFunc(ctx, stop)() // a second Ctrl-C ends us at once, and the children with us
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "watch: %v\n", err)
		os.Exit(1)
	}
}

// run starts everything and returns when all of it has ended: nil after a
// signal, an error when something could not start or died.
func run(ctx context.Context) error {
	s, err := settingsFrom(os.Getenv)
	if err != nil {
		return err
	}
	unlock, err := lockState(s.State)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.Ports.free(ctx); err != nil {
		return err
	}
	kept, err := writeFiles(s)
	if err != nil {
		return err
	}
	for _, name := range kept {
		fmt.Printf("%s was edited and is kept as it is\n", name)
	}
	specs, err := system(ctx, s)
	if err != nil {
		return err
	}
	return supervise(ctx, specs, s.logs(), os.Stdout, func() { banner(ctx, s) })
}
