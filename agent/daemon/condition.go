package daemon

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// maxClasses bounds how many different troubles of one episode are said.
const maxClasses = 16

// Condition says a lasting trouble once: when it begins, again only when it
// takes a different form, and when it is over. It is safe for concurrent use.
type Condition struct {
	log  *slog.Logger
	name string

	mu       sync.Mutex
	since    time.Time // of the first failure of this episode; zero: all is well
	failures int
	said     map[string]bool // classes of trouble of this episode
}

// NewCondition makes the condition of what name names, such as "influxdb"; all is well at first.
func NewCondition(log *slog.Logger, name string) *Condition {
	return &Condition{log: log, name: name}
}

// Failed notes a failure. It logs the first of an episode, and one whose text
// differs by more than figures from all said before.
func (c *Condition) Failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		c.since, c.failures, c.said = time.Now(), 0, map[string]bool{}
	}
	c.failures++
	class := withoutFigures(err.Error())
	if c.said[class] || len(c.said) >= maxClasses {
		return
	}
	c.said[class] = true
	c.log.Warn("trouble", "with", c.name, "error", err)
}

// OK notes a success, and logs it if it ends an episode. It is cheap when all was well.
func (c *Condition) OK() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return
	}
	c.log.Info("trouble is over", "with", c.name, "lasted", time.Since(c.since).Round(time.Millisecond), "failures", c.failures)
	c.since = time.Time{}
}

// Failing reports whether the last call was Failed.
func (c *Condition) Failing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.since.IsZero()
}

// withoutFigures makes texts equal that differ by a port, a size or an id.
func withoutFigures(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, text)
}
