package app

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"nezuban/agent/influx"
	"nezuban/agent/internal/docker"
)

// Bounds on labels that become tags. Each value of a tag multiplies the series of a database, and stays there.
const (
	maxLabels      = 20
	maxLabelValues = 100 // of one label, since the agent's start
	maxLabelBytes  = 200 // of one value
)

// labels are those of containers that become tags. It is for one goroutine.
type labels struct {
	keys    []string
	log     *slog.Logger
	values  map[string]map[string]bool // by key: what has become a tag
	said    map[[2]string]bool         // by key and why: that a value was left out
	counted map[string]bool            // by container id and key: that its label was left out
	dropped int                        // of counted, since the start
}

func newLabels(keys []string, log *slog.Logger) *labels {
	return &labels{keys: keys, log: log, values: make(map[string]map[string]bool), said: make(map[[2]string]bool), counted: make(map[string]bool)}
}

// tags are the labels of a container, without those whose values are too many or too long.
func (l *labels) tags(c *docker.Container) []influx.Tag {
	var tags []influx.Tag
	for _, key := range l.keys {
		value, ok := c.Labels[key]
		switch {
		case !ok || value == "":
		case len(value) > maxLabelBytes:
			l.drop(c, key, fmt.Sprintf("a value is longer than %d bytes", maxLabelBytes))
		case !encodes(key, value):
			l.drop(c, key, "a value cannot be a tag, such as one with a line break")
		case !l.values[key][value] && len(l.values[key]) >= maxLabelValues:
			l.drop(c, key, fmt.Sprintf("it has had %d values since the agent's start", maxLabelValues))
		default:
			if l.values[key] == nil {
				l.values[key] = make(map[string]bool)
			}
			l.values[key][value] = true
			tags = append(tags, influx.Tag{Key: key, Value: value})
		}
	}
	return tags
}

// encodes says that a label can be a tag.
func encodes(key, value string) bool {
	_, err := influx.NewSeries(influx.ContainerStatus, []influx.Tag{{Key: key, Value: value}})
	return err == nil
}

// drop notes that a container goes without a label, and says so the first time for each label and reason.
func (l *labels) drop(c *docker.Container, key, why string) {
	if id := c.ID + " " + key; !l.counted[id] {
		l.counted[id] = true
		l.dropped++
	}
	if l.said[[2]string{key, why}] {
		return
	}
	l.said[[2]string{key, why}] = true
	l.log.Warn("containers go without a label", "label", key, "why", why, "container", c.Name)
}

// forget lets go of what was counted of containers that are not there any more.
func (l *labels) forget(there map[string]bool) {
	for id := range l.counted {
		if container, _, _ := strings.Cut(id, " "); !there[container] {
			delete(l.counted, id)
		}
	}
}

// isTag says that a measurement of the agent has a tag of this name.
func isTag(key string) bool {
	return slices.ContainsFunc(influx.Measurements(), func(m influx.Measurement) bool {
		return m.From == influx.FromAgent && slices.Contains(m.Tags, key)
	})
}
