package cgroup

import (
	"errors"
	"log/slog"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// Bounds on the cgroups that are no containers with a name.
const (
	groupLimit     = 100              // of those that the configuration names: more series than that are no overview
	containerLimit = 1000             // of containers
	containerDepth = 3                // levels below the root at which containers are looked for
	listEvery      = 30 * time.Second // how often what there is is looked for
)

// Groups are the cgroups that are sampled under their paths: those that the configuration names, and, while Docker has never answered,
// those of its containers. They are not safe for concurrent use.
type Groups struct {
	hostName  string
	globs     []Glob
	hierarchy Hierarchy
	files     *kernel.Files
	log       *slog.Logger

	listed     []string // paths
	at         time.Time
	dockerSeen bool // when they were listed
	readers    map[string]*group
	reading    Sample // the room for one of them
	leftSaid   bool
	noneSaid   map[Glob]bool
}

// group is one that is read.
type group struct {
	reader *Reader
	series influx.Series
}

// NewGroups makes them for a host.
func NewGroups(host string, globs []Glob, h Hierarchy, files *kernel.Files, log *slog.Logger) *Groups {
	return &Groups{
		hostName: host, globs: globs, hierarchy: h, files: files, log: log,
		readers: make(map[string]*group), noneSaid: make(map[Glob]bool),
	}
}

// Append samples them and adds their lines, all with the time at. What cannot be read is in the error; what ended is not.
func (g *Groups) Append(l *influx.Lines, dockerSeen bool, machine Machine, at time.Time) error {
	if since := at.Sub(g.at); dockerSeen != g.dockerSeen || since < 0 || since >= listEvery {
		g.dockerSeen, g.at = dockerSeen, at
		g.list()
	}
	var errs []error
	for _, path := range g.listed {
		of, err := g.open(path)
		if err == nil {
			err = of.reader.Read(&g.reading, at)
		}
		if of != nil && !errors.Is(err, ErrGone) {
			appendGroup(l, of.series, &g.reading, machine, at) // all that could be read
		}
		switch {
		case errors.Is(err, ErrGone):
			g.leave(path)
			g.at = time.Time{} // there is something to look for
		case err != nil:
			g.leave(path) // opened again
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// list finds out what there is.
func (g *Groups) list() {
	named := g.named()
	left := max(0, len(named)-groupLimit)
	g.listed = append(g.listed[:0], named[:len(named)-left]...)
	if !g.dockerSeen {
		containers := g.hierarchy.Containers(containerDepth)
		more := max(0, len(containers)-containerLimit)
		g.listed = append(g.listed, containers[:len(containers)-more]...)
		left += more
	}
	if left > 0 && !g.leftSaid {
		g.leftSaid = true
		g.log.Warn("some cgroups are not sampled: there are too many", "limit", groupLimit, "limit_of_containers", containerLimit, "left_out", left)
	}
	there := make(map[string]bool)
	for _, path := range g.listed {
		there[path] = true
	}
	for path := range g.readers {
		if !there[path] {
			g.leave(path)
		}
	}
}

// named are those that the configuration names, each once, but for containers: those have names of their own, or are listed as such.
func (g *Groups) named() []string {
	seen := make(map[string]bool)
	var all []string
	for _, glob := range g.globs {
		found := g.hierarchy.Find(glob)
		if len(found) == 0 && !g.noneSaid[glob] {
			g.noneSaid[glob] = true
			g.log.Info("no cgroup of this machine is named so yet", "cgroups", string(glob))
		}
		for _, path := range found {
			if !IsContainer(path) && !seen[path] {
				seen[path] = true
				all = append(all, path)
			}
		}
	}
	return all
}

// open gives the reader of one, nil with an error.
func (g *Groups) open(path string) (*group, error) {
	if of := g.readers[path]; of != nil {
		return of, nil
	}
	place := g.hierarchy.At(path)
	if len(place.Dirs) == 0 {
		return nil, ErrGone
	}
	series, err := groupSeries(g.hostName, path)
	if err != nil {
		return nil, err
	}
	reader, err := NewReader(g.files, place)
	if err != nil {
		return nil, err
	}
	g.readers[path] = &group{reader, series}
	return g.readers[path], nil
}

func (g *Groups) leave(path string) {
	if of := g.readers[path]; of != nil {
		of.reader.Close()
		delete(g.readers, path)
	}
}

// Close gives back what they hold open.
func (g *Groups) Close() {
	for path := range g.readers {
		g.leave(path)
	}
}
