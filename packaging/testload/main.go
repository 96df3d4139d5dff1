// Command testload is what test containers run: a program that sleeps, works,
// serves or dies on demand.
//
// Package loadimage puts it alone into an image. It is never part of a release.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const usage = `usage:
  testload sleep                      says "ready", and sleeps until TERM, then exit 0
  testload deaf                       says "ready", and ignores TERM: only KILL ends it
  testload exit CODE [after DURATION]
  testload burn                       CPU, memory and synced writes until TERM
  testload light                      a little of each until TERM, as most containers do
  testload serve :PORT                answers every HTTP request with 200
  testload hoard [after DURATION]     takes more and more memory, until the kernel kills it
  testload parent COMMAND...          runs itself with a command, says "ready" when that has ended, and sleeps until TERM
  testload write BYTES                writes a file, says "ready", and sleeps until TERM`

// ready says that TERM has the effect that the command promises. Before that it has none: the first process of a container is
// deaf to what it does not handle.
const ready = "ready"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "testload: %v\n%s\n", err, usage)
		os.Exit(2)
	}
	os.Exit(code)
}

// run does what args ask for and returns the exit code.
func run(ctx context.Context, args []string) (int, error) {
	switch {
	case len(args) == 1 && args[0] == "sleep":
		fmt.Println(ready)
		<-ctx.Done()
		return 0, nil
	case len(args) == 1 && args[0] == "deaf":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println(ready)
		select {}
	case len(args) == 1 && args[0] == "burn":
		return 0, burn(ctx, os.TempDir())
	case len(args) == 1 && args[0] == "light":
		return 0, light(ctx, os.TempDir())
	case len(args) == 2 && args[0] == "serve":
		return 0, serve(ctx, args[1])
	case len(args) == 1 && args[0] == "hoard":
		return 0, hoard(ctx)
	case len(args) == 3 && args[0] == "hoard" && args[1] == "after":
		if _, err := wait(ctx, args[2]); err != nil {
			return 0, err
		}
		return 0, hoard(ctx)
	case len(args) > 1 && args[0] == "parent":
		return 0, parent(ctx, args[1:])
	case len(args) == 2 && args[0] == "write":
		return 0, write(ctx, os.TempDir(), args[1])
	case len(args) == 2 && args[0] == "exit":
		return exit(ctx, args[1], "0s")
	case len(args) == 4 && args[0] == "exit" && args[2] == "after":
		return exit(ctx, args[1], args[3])
	}
	return 0, fmt.Errorf("unknown command %q", args)
}

func exit(ctx context.Context, code, after string) (int, error) {
	n, err := strconv.Atoi(code)
	if err != nil {
		return 0, fmt.Errorf("exit code %q: want a number", code)
	}
	passed, err := wait(ctx, after)
	if err != nil || !passed {
		return 0, err
	}
	return n, nil
}

// wait lets a duration pass; passed is false when ctx ends before.
func wait(ctx context.Context, duration string) (passed bool, err error) {
	d, err := time.ParseDuration(duration)
	if err != nil {
		return false, fmt.Errorf("duration %q: want one like 2s", duration)
	}
	select {
	case <-ctx.Done():
		return false, nil
	case <-time.After(d):
		return true, nil
	}
}

// burn works a fifth of the time, holds 16 MiB, and writes and syncs 64 KiB
// every 200 ms, so that every figure of its container moves.
func burn(ctx context.Context, dir string) error {
	held := make([]byte, 16<<20)
	f, err := os.Create(filepath.Join(dir, "burn"))
	if err != nil {
		return err
	}
	defer f.Close()
	for n := byte(0); ctx.Err() == nil; n++ {
		for end := time.Now().Add(40 * time.Millisecond); time.Now().Before(end); {
			for i := range held {
				held[i] += n
			}
		}
		if _, err := f.WriteAt(held[:64<<10], 0); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(160 * time.Millisecond):
		}
	}
	return nil
}

// light works 200 µs every 2 s, holds 2 MiB, and writes and syncs 4 KiB every 10 s.
func light(ctx context.Context, dir string) error {
	held := make([]byte, 2<<20)
	for i := range held {
		held[i] = byte(i)
	}
	f, err := os.Create(filepath.Join(dir, "light"))
	if err != nil {
		return err
	}
	defer f.Close()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for end := time.Now().Add(200 * time.Microsecond); time.Now().Before(end); {
			held[n%len(held)]++
		}
		if n%5 > 0 {
			continue
		}
		if _, err := f.WriteAt(held[:4<<10], 0); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
}

func serve(ctx context.Context, addr string) error {
	srv := &http.Server{
		Addr:              addr,
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "ok")
		}),
	}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// hoard touches 1 MiB more each time. It ends by itself only where there is no limit, at 1 GiB.
func hoard(ctx context.Context) error {
	const step, most = 1 << 20, 1 << 30
	var held [][]byte
	for len(held) < most/step && ctx.Err() == nil {
		block := make([]byte, step)
		for at := 0; at < step; at += 4096 {
			block[at] = 1
		}
		held = append(held, block)
	}
	return fmt.Errorf("held %d MiB, and nobody killed it", len(held))
}

// parent outlives its child, whatever becomes of that.
func parent(ctx context.Context, args []string) error {
	child := exec.CommandContext(ctx, "/proc/self/exe", args...)
	child.Stderr = os.Stderr
	if err := child.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "child: %v\n", err)
	}
	fmt.Println(ready)
	<-ctx.Done()
	return nil
}

// write fills the page cache, and the disk when the kernel wants the memory back.
func write(ctx context.Context, dir, size string) error {
	left, err := strconv.Atoi(size)
	if err != nil || left < 0 {
		return fmt.Errorf("size %q: want a number of bytes", size)
	}
	f, err := os.Create(filepath.Join(dir, "written"))
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); left > 0 && ctx.Err() == nil; left -= len(block) {
		if _, err := f.Write(block[:min(left, len(block))]); err != nil {
			return err
		}
	}
	fmt.Println(ready)
	<-ctx.Done()
	return nil
}
