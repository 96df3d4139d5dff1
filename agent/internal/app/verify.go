package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/cgroup/reference"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/kernel"
)

// verifyWithin bounds each answer of Docker to [Verify].
const verifyWithin = 10 * time.Second

// endKnownEvery is how often Docker is asked whether it knows of an end.
const endKnownEvery = 50 * time.Millisecond

// Verify compares, of each container that runs, or of those named by name or id, every figure that the agent reads with what
// cAdvisor's handler reads of the same cgroup, and writes both to out. It reports whether all agree. It needs Docker, and touches
// nothing.
func Verify(ctx context.Context, cfg Config, names []string, out io.Writer) (agree bool, err error) {
	if cfg.DockerSocket == "" {
		return false, errors.New("verify: docker_socket is empty: there is nobody to ask which containers run")
	}
	hierarchy, err := cgroup.Mounted()
	if err != nil {
		return false, fmt.Errorf("verify: %w", err)
	}
	client := docker.New(cfg.DockerSocket)
	defer client.Close()
	running, err := runningContainers(ctx, client, names)
	if err != nil {
		return false, fmt.Errorf("verify: %w", err)
	}
	return verifyAll(running, bothIn(hierarchy, kernel.NewFiles(openFiles())), func(c docker.Container) error { return awaitEnd(ctx, client, c) }, out)
}

// awaitEnd waits until Docker knows that a container has ended of which there was nothing to read. It is an error when Docker does not: then
// the container's files are not to be seen from here.
func awaitEnd(ctx context.Context, client *docker.Client, c docker.Container) error {
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	for {
		now, err := client.Inspect(ctx, c.ID)
		switch {
		case errors.Is(err, docker.ErrNotFound):
			return nil
		case err != nil && ctx.Err() == nil:
			return err
		case err == nil && (!now.Running() || now.PID != c.PID):
			return nil
		}
		select {
		case <-time.After(endKnownEvery):
		case <-ctx.Done():
			return fmt.Errorf("it runs, says Docker, as process %d, of which nothing can be read here", c.PID)
		}
	}
}

// openBoth opens our own reader of a container, and the reference.
type openBoth func(c docker.Container) (own, handler cgroup.Source, err error)

// bothIn opens the two of this machine's containers.
func bothIn(hierarchy cgroup.Hierarchy, files *kernel.Files) openBoth {
	return func(c docker.Container) (own, handler cgroup.Source, err error) {
		place, err := hierarchy.Of(c.PID, c.OwnsNetwork())
		if err != nil {
			return nil, nil, err
		}
		if handler, err = reference.New(place); err != nil {
			return nil, nil, err
		}
		own, err = cgroup.NewReader(files, place)
		return own, handler, err
	}
}

// verifyAll compares all containers, also those behind one in which something differs. One of which nothing can be read must have ended,
// by what ended says.
func verifyAll(running []docker.Container, open openBoth, ended func(docker.Container) error, out io.Writer) (agree bool, err error) {
	compared, differ := 0, 0
	for _, c := range running {
		same, err := verify(c, open, out)
		if err != nil && ignoreGone(err) == nil {
			runs := ended(c)
			if runs == nil {
				fmt.Fprintf(out, "%s: ended meanwhile\n", c.Name)
				continue
			}
			err = fmt.Errorf("%w: %w", err, runs)
		}
		if err != nil {
			return false, fmt.Errorf("verify: container %s: %w", c.Name, err)
		}
		if compared++; !same {
			differ++
		}
	}
	switch {
	case len(running) == 0:
		fmt.Fprintln(out, "no container runs")
	case compared == 0:
		return false, errors.New("verify: nothing was compared: all containers have ended meanwhile")
	case differ > 0:
		fmt.Fprintf(out, "figures differ, containers: %d of %d\n", differ, compared)
	default:
		fmt.Fprintf(out, "all figures agree, containers: %d\n", compared)
	}
	return differ == 0, nil
}

// runningContainers asks Docker for those that run, all of them or those named by name or by the beginning of their id.
func runningContainers(ctx context.Context, client *docker.Client, names []string) ([]docker.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	list, err := client.List(ctx)
	if err != nil {
		return nil, err
	}
	asked := list
	if len(names) > 0 {
		asked = nil
	}
	for _, name := range names {
		at := slices.IndexFunc(list, func(s docker.Summary) bool {
			return slices.Contains(s.Names, "/"+name) || strings.HasPrefix(s.ID, name)
		})
		if at < 0 {
			return nil, fmt.Errorf("container %s: Docker has none of this name or id", name)
		}
		asked = append(asked, list[at])
	}
	var running []docker.Container
	for _, s := range asked {
		c, err := client.Inspect(ctx, s.ID)
		switch {
		case errors.Is(err, docker.ErrNotFound) && len(names) == 0: // it is gone since it was listed
		case err != nil:
			return nil, err
		case c.Running():
			running = append(running, c)
		case len(names) > 0:
			return nil, fmt.Errorf("container %s: found status %s, expected running", c.Name, c.Status)
		}
	}
	return running, nil
}

// verify compares one container.
func verify(c docker.Container, open openBoth, out io.Writer) (same bool, err error) {
	own, handler, err := open(c)
	if err != nil {
		return false, err
	}
	defer own.Close()
	compared, err := reference.Check(own, handler)
	if err != nil {
		return false, err
	}
	return show(out, c.Name, compared)
}

// show writes a comparison, and reports whether nothing differs in it.
func show(out io.Writer, name string, compared []reference.Compared) (same bool, err error) {
	same = true
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\tagent\tcAdvisor\t\n", name)
	for _, f := range compared {
		verdict := ""
		if f.Differs {
			same, verdict = false, "DIFFERS"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", f.Name, figureText(f.Own), between(f.Before, f.After), verdict)
	}
	return same, table.Flush()
}

func figureText(f kernel.Figure) string {
	if !f.Known {
		return "-"
	}
	return fmt.Sprint(f.Value)
}

// between is what the reference said before and after our own reading.
func between(before, after kernel.Figure) string {
	if before == after {
		return figureText(before)
	}
	return figureText(before) + " to " + figureText(after)
}
