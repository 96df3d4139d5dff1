package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nezuban/packaging/loadimage"
	"nezuban/packaging/profile"
)

// bench is a run.
type bench struct {
	options
	dir       string
	influx    string // the database's URL
	docker    *docker
	filesEach int   // that the agent holds open, of a container
	daemons   []int // dockerd and containerd
	shims     []int // containerd's, one a container
	started   int   // programs so far
	windows   []window
}

// window is what one program cost in one round, and what Docker did meanwhile; or what Docker does when none runs.
type window struct {
	of            *subject // nil: none runs
	interval      time.Duration
	length        time.Duration
	samples       int
	own           time.Duration // processor time, as the other two
	daemons       time.Duration
	shims         time.Duration
	resident, max float64 // MB
}

// prepare finds Docker's processes, and lets the agent run once to see which files it holds open: they are what the bare loop
// reads.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.daemons, err = daemonsOf(ctx, loadimage.Socket()); err != nil {
		return err
	}
	if b.shims, err = parents(b.docker.made); err != nil {
		return err
	}
	agent, err := b.start(ctx, b.subjects()[2], time.Second)
	if err != nil {
		return err
	}
	defer func() { err = agent.explain(ctx, err) }()
	var files, before map[string][]string
	err = agent.await(ctx, time.Second, time.Minute, func() (found string, ok bool, err error) {
		before = files
		files, err = b.filesOf(agent.cmd.Process.Pid)
		return fmt.Sprintf("files of %d containers open", len(files)), err == nil && same(files, before, len(b.docker.made)), err
	})
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, c := range b.docker.made {
		b.filesEach = len(files[c.id])
		list.WriteString(strings.Join(files[c.id], "\n") + "\n\n")
	}
	return os.WriteFile(filepath.Join(b.dir, "files"), []byte(list.String()), 0o600)
}

// filesOf are the files of our containers that a process holds open, by container's id.
func (b *bench) filesOf(pid int) (map[string][]string, error) {
	paths, err := openFiles(pid)
	if err != nil {
		return nil, err
	}
	known := map[string]string{} // id by what a path has in it
	for _, c := range b.docker.made {
		known[c.id], known[fmt.Sprint(c.pid)] = c.id, c.id
	}
	files := map[string][]string{}
	for _, path := range paths {
		if !strings.HasPrefix(path, "/proc/") && !strings.HasPrefix(path, "/sys/fs/cgroup/") {
			continue
		}
		for part := range strings.SplitSeq(path, "/") {
			// docker/ID with Docker's cgroupfs driver, docker-ID.scope with systemd's
			if id, ok := known[strings.TrimSuffix(strings.TrimPrefix(part, "docker-"), ".scope")]; ok {
				files[id] = append(files[id], path)
			}
		}
	}
	return files, nil
}

// same says that two looks saw the same files, of all containers as many.
func same(now, before map[string][]string, containers int) bool {
	if len(now) != containers || !maps.EqualFunc(now, before, slices.Equal) {
		return false
	}
	counts := map[int]bool{}
	for _, files := range now {
		counts[len(files)] = true
	}
	return len(counts) == 1
}

// await asks now and then until it is ok, or the program has ended.
func (r *running) await(ctx context.Context, every, most time.Duration, ask func() (found string, ok bool, err error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	late := time.After(most)
	for {
		found, ok, err := ask()
		switch {
		case err != nil:
			return err
		case ok:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.done:
			return errors.New("it has ended")
		case <-late:
			return fmt.Errorf("waited %s for its first round; found %s", most, found)
		case <-tick.C:
		}
	}
}

// warm waits until every container was sampled once: what a program does at its start is not measured.
func (b *bench) warm(ctx context.Context, r *running, interval time.Duration) error {
	n := len(b.docker.made)
	return r.await(ctx, 200*time.Millisecond, 3*interval+30*time.Second, func() (string, bool, error) {
		if !r.agent {
			samples, err := r.ask(time.Unix(0, 0), time.Now())
			return fmt.Sprintf("%d samples", samples), samples >= n, err
		}
		open := 0
		files, err := b.filesOf(r.cmd.Process.Pid)
		for _, list := range files {
			open += len(list)
		}
		return fmt.Sprintf("%d files open, want %d", open, n*b.filesEach), open >= n*b.filesEach, err
	})
}

// round measures Docker alone, each program, and Docker alone again, one at a time: who reads a cgroup first has the kernel add up its figures for
// all who read it soon after, and what Docker does can be told from what it does for another. Each round begins with another one.
func (b *bench) round(ctx context.Context, number int, interval time.Duration) error {
	began := time.Now()
	before := load()
	all := b.subjects()
	order := []*subject{nil}
	for i := range all {
		order = append(order, all[(number+i)%len(all)])
	}
	for _, s := range append(order, nil) {
		w, err := b.measure(ctx, s, interval)
		if err != nil {
			return err
		}
		b.windows = append(b.windows, w)
	}
	fmt.Printf("round %d, %-3s %6.1f s, load %s before, %s after\n", number+1, interval, time.Since(began).Seconds(), before, load())
	return nil
}

// measure runs a program, or none, until it is warm and has been measured.
func (b *bench) measure(ctx context.Context, s *subject, interval time.Duration) (w window, err error) {
	if s == nil {
		return b.window(ctx, nil, interval)
	}
	r, err := b.start(ctx, s, interval)
	if err != nil {
		return w, err
	}
	defer func() { err = r.explain(ctx, err) }()
	if err := b.warm(ctx, r, interval); err != nil {
		return w, err
	}
	return b.window(ctx, r, interval)
}

// window measures for whole intervals, which begin where no round of samples is under way.
func (b *bench) window(ctx context.Context, r *running, interval time.Duration) (w window, err error) {
	const quiet = time.Second // before it begins: what was sampled last is sent
	begin := after(time.Now().Add(quiet), interval)
	w.interval, w.length = interval, b.options.window.Truncate(interval)
	if w.length < b.options.window {
		w.length += interval
	}
	if err := until(ctx, r, begin); err != nil {
		return w, err
	}
	finish := func() {}
	if r != nil && r.agent && b.pprof != "" {
		finish = profile.Start(r.pprof, b.pprof, fmt.Sprintf("%s-%s", r.host, interval))
	}
	before, err := b.read(r)
	if err != nil {
		return w, err
	}
	if err := until(ctx, r, begin.Add(w.length)); err != nil {
		return w, err
	}
	now, err := b.read(r)
	if err != nil {
		return w, err
	}
	finish()
	w.own, w.daemons, w.shims = now.own-before.own, now.daemons-before.daemons, now.shims-before.shims
	w.resident, w.max = now.resident, now.max
	if r == nil {
		return w, nil
	}
	w.of = r.subject
	if w.samples, err = r.samples(ctx, begin, begin.Add(w.length)); err != nil {
		return w, err
	}
	// A machine that is too busy lets rounds be late; one that does half of the work is measured for something else.
	if least := len(b.docker.made) * int(w.length/interval) / 2; w.samples < least {
		return w, fmt.Errorf("took %d samples in %s, expected %d at least", w.samples, w.length, least)
	}
	return w, nil
}

// after is the first time, from another one on, at which three tenths of an interval are over.
func after(from time.Time, interval time.Duration) time.Time {
	at := from.Truncate(interval).Add(interval * 3 / 10)
	if at.Before(from) {
		at = at.Add(interval)
	}
	return at
}

// until waits, unless the program that is measured ends before.
func until(ctx context.Context, r *running, at time.Time) error {
	var ended chan struct{}
	if r != nil {
		ended = r.done
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ended:
		return errors.New("it has ended")
	case <-time.After(time.Until(at)):
		return nil
	}
}

// read is what was spent so far.
func (b *bench) read(r *running) (w window, err error) {
	if r != nil {
		pid := r.cmd.Process.Pid
		if w.own, err = cpuOf(pid); err != nil {
			return w, err
		}
		if w.resident, w.max, err = memoryOf(pid); err != nil {
			return w, err
		}
	}
	if w.daemons, err = cpuOfAll(b.daemons); err != nil {
		return w, fmt.Errorf("dockerd and containerd: %w", err)
	}
	if w.shims, err = cpuOfAll(b.shims); err != nil {
		return w, fmt.Errorf("shims of containers: %w", err)
	}
	return w, nil
}
