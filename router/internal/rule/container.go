package rule

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// How deaths are judged.
const (
	restartWait  = 10 * time.Second // to be running again, under a restart policy
	deathsWindow = 10 * time.Minute // in which too many deaths are a loop
	deathsLimit  = 3
	lateAfter    = 5 * time.Minute  // an event older than this reports the past
	killWindow   = 15 * time.Second // how long before a die the kill of an rm -f may be
	keepRecent   = 16               // identities of events, to know repeats from latecomers
)

// container is all that is remembered of a host's container of one name, whichever containers bore it. It is stored as
// it is. Times are nanoseconds since the epoch: At and those of events by the host's clock, Wait and Settle by ours.
type container struct {
	Version int    `json:"version"`
	Host    string `json:"host"`
	Name    string `json:"name"`
	At      int64  `json:"at"`               // of the newest event applied
	Claimed int64  `json:"claimed"`          // what that event itself claimed, when it came from the future
	Recent  []seen `json:"recent,omitempty"` // the newest events, applied or noted, oldest first

	Started   int64  `json:"started,omitempty"`    // of the newest start applied
	StartedID string `json:"started_id,omitempty"` // whose start that was
	Image     string `json:"image,omitempty"`      // that it was started from
	Present   int64  `json:"present,omitempty"`    // when the agent last found it, running or not
	Running   int64  `json:"running,omitempty"`    // since when it ran then; 0: it did not
	Kill      int64  `json:"kill,omitempty"`       // of the newest kill since the start
	KillID    string `json:"kill_id,omitempty"`

	Death  *death  `json:"death,omitempty"`  // the newest crash
	Deaths []int64 `json:"deaths,omitempty"` // crashes under a restart policy, within the window
	Wait   int64   `json:"wait,omitempty"`   // until when a restart may take; 0: none is waited for
	Settle int64   `json:"settle,omitempty"` // when a loop counts as over if it runs

	Firing    reason `json:"firing,omitempty"`    // why container_died fires
	OOM       int64  `json:"oom,omitempty"`       // the newest oom that fires; 0: none does
	Unhealthy int64  `json:"unhealthy,omitempty"` // since when container_unhealthy fires; 0: it does not

	UnhealthyFacts map[string]string `json:"unhealthy_facts,omitempty"` // labels that the event of Unhealthy adds
	Again          bool              `json:"again,omitempty"`           // a person resolved that: the next tick says it again
}

// death is a crash: an exit that nobody asked for, with a code other than 0.
type death struct {
	At         int64             `json:"at"`
	ID         string            `json:"id"`
	Event      string            `json:"event"` // identity
	Exit       int64             `json:"exit"`
	Killed     bool              `json:"killed,omitempty"`
	AutoRemove bool              `json:"auto_remove,omitempty"`
	Facts      map[string]string `json:"facts,omitempty"` // labels that it adds
}

// reason is why a dead container fires.
type reason string

const (
	quiet      reason = ""
	died       reason = "died"
	notRunning reason = "not running"
	loop       reason = "loop"
)

// seen is the identity of an event within its host.
type seen struct {
	At     int64  `json:"at"` // as the event claims it
	ID     string `json:"id"`
	Action string `json:"action"`
}

func (e event) seen() seen { return seen{At: e.at.UnixNano(), ID: e.id, Action: e.action} }

// has says whether the event was seen before. One older than all that are remembered counts as seen: it cannot be told.
func (c *container) has(e event) bool {
	if len(c.Recent) >= keepRecent && e.at.UnixNano() < c.Recent[0].At {
		return true
	}
	return slices.Contains(c.Recent, e.seen())
}

func (c *container) remember(e event) {
	recent := append(slices.Clone(c.Recent), e.seen())
	slices.SortStableFunc(recent, func(a, b seen) int { return cmp.Compare(a.At, b.At) })
	c.Recent = recent[max(0, len(recent)-keepRecent):]
}

// place gives an event its time in the order of this container, and says whether it is newer than the newest applied.
// An event from the future is put at now, behind those before it, so that one wrong clock does not outrank all that
// comes after.
func (c *container) place(e event, now time.Time) (at int64, newer bool) {
	claimed := e.at.UnixNano()
	if e.at.Sub(now) <= maxAhead {
		return claimed, claimed > c.At
	}
	at = now.UnixNano()
	if at <= c.At && claimed > c.Claimed {
		at = c.At + 1
	}
	return at, at > c.At
}

// knownRunning says that the container of this name has been started after the given time.
func (c *container) knownRunning(after int64) bool { return c.Running > after || c.Started > after }

// loops counts a crash under a restart policy and says whether there have been too many.
func (c *container) loops(at int64) bool {
	c.Deaths = slices.DeleteFunc(slices.Clone(c.Deaths), func(d int64) bool { return d <= at-int64(deathsWindow) })
	c.Deaths = append(c.Deaths, at)
	if len(c.Deaths) > deathsLimit {
		c.Deaths = c.Deaths[len(c.Deaths)-deathsLimit:]
	}
	return len(c.Deaths) >= deathsLimit
}

// killed says that a kill of this very container came before its die, so that a stop may still explain it.
func (c *container) killed(id string, at int64) bool {
	return c.Kill != 0 && c.KillID == id && c.Kill <= at
}

// explained says that the event shows, after the fact, that somebody asked for the newest crash: only a stop command
// sends stop; a destroy proves it when it cannot be the engine's own cleaning up.
func (c *container) explained(e event, isStop bool) bool {
	d := c.Death
	if d == nil || !d.Killed || d.ID != e.id {
		return false
	}
	return isStop || !d.AutoRemove && !e.autoRemove && d.At-c.Kill <= int64(killWindow)
}

// facts are the labels that an event adds to host and container_name.
func (e event) facts() map[string]string {
	f := map[string]string{"image": e.imageRef(), "restart_policy": e.restartPolicy}
	if e.exitCode != 0 {
		f["exit_code"] = strconv.FormatInt(e.exitCode, 10)
	}
	for name, value := range f {
		if value == "" {
			delete(f, name)
		}
	}
	return f
}

// imageRef is the image with its version, as far as the event says: app:1.5.
func (e event) imageRef() string {
	if e.version != "" && e.version != "unknown" && e.image != "" {
		return e.image + ":" + e.version
	}
	return e.image
}

// idle says that nothing is waited for and nothing fires: the record may go when it is old.
func (c *container) idle() bool {
	return c.Wait == 0 && c.Firing == quiet && c.OOM == 0 && c.Unhealthy == 0
}
