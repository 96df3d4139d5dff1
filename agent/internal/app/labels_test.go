package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
)

// labelled is a container with labels.
func labelled(id string, values ...string) *docker.Container {
	c := &docker.Container{ID: id, Name: id, Labels: make(map[string]string)}
	for i := 0; i < len(values); i += 2 {
		c.Labels[values[i]] = values[i+1]
	}
	return c
}

func TestOnlyLabelsThatAreNamedBecomeTags(t *testing.T) {
	l := newLabels([]string{"team", "tier"}, testLog(t))
	got := l.tags(labelled("a", "team", "shop", "password", "secret", "tier", ""))
	if diff := cmp.Diff([]influx.Tag{{Key: "team", Value: "shop"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := newLabels(nil, testLog(t)).tags(labelled("a", "team", "shop")); len(got) > 0 || l.dropped != 0 {
		t.Errorf("without a key there are the tags %v, and %d are dropped", got, l.dropped)
	}
}

// A label that has too many values, as one of a commit has, gets no more of them; the others are tags, and what became one stays one.
func TestLabelsAreBounded(t *testing.T) {
	var log bytes.Buffer
	l := newLabels([]string{"commit", "team"}, slog.New(slog.NewTextHandler(&log, nil)))
	for i := range maxLabelValues {
		if got := l.tags(labelled(fmt.Sprint(i), "commit", fmt.Sprint("c", i))); len(got) != 1 {
			t.Fatalf("value %d is no tag", i)
		}
	}
	for range 2 { // the series of a container are made anew when its state changes
		if got := l.tags(labelled("late", "commit", "another", "team", "shop")); len(got) != 1 || got[0].Key != "team" {
			t.Errorf("beyond the bound there are the tags %v", got)
		}
	}
	if got := l.tags(labelled("again", "commit", "c7")); len(got) != 1 {
		t.Errorf("what was a tag is none: %v", got)
	}
	for _, name := range []string{"long", "lines"} {
		value := map[string]string{"long": strings.Repeat("x", maxLabelBytes+1), "lines": "a\nb"}[name]
		for range 2 {
			if got := l.tags(labelled(name, "team", value)); len(got) != 0 {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	if n := strings.Count(log.String(), "containers go without a label"); l.dropped != 3 || n != 3 {
		t.Errorf("%d are counted, expected 3; it is said %d times, expected once for each label and reason:\n%s", l.dropped, n, log.String())
	}
	l.forget(map[string]bool{"late": true})
	if len(l.counted) != 1 {
		t.Errorf("it remembers %v", l.counted)
	}
}

// The real Docker's labels are tags of all samples of a container.
func TestLabelsOfARealContainer(t *testing.T) {
	e := newEngine(t)
	o := newOutput(t)
	running(t, Config{
		Host: testHost, Interval: time.Second, LogLevel: "info", DockerSocket: e.path, Labels: []string{"team"},
		Outputs: []influx.Output{{Name: "there", URLs: []string{o.server.URL}, Bucket: "nezuban"}},
	})
	name := e.run(spec{Cmd: []string{"sleep"}, Labels: map[string]string{"team": "shop one", "password": "s3cret"}})
	for _, measurement := range []string{influx.ContainerCPU, influx.ContainerMem, influx.ContainerStatus} {
		for _, p := range o.awaitPoints(t, 1, measurement, name) {
			if p.Tag("team") != "shop one" || p.Tag("password") != "" {
				t.Errorf("%s has the tags %v", measurement, p.Tags)
			}
		}
	}
}
