package docker

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Actions of container events that the agent follows, in the engine's words.
const (
	ActionCreate  = "create"
	ActionStart   = "start"
	ActionDie     = "die"
	ActionOOM     = "oom"
	ActionHealth  = "health_status"
	ActionKill    = "kill"
	ActionStop    = "stop"
	ActionDestroy = "destroy"
	ActionRename  = "rename"
	ActionPause   = "pause"
	ActionUnpause = "unpause"
)

// actions is what the engine is asked for; it sends health_status with its value behind a colon.
var actions = [...]string{
	ActionCreate, ActionStart, ActionDie, ActionOOM, ActionHealth, ActionKill,
	ActionStop, ActionDestroy, ActionRename, ActionPause, ActionUnpause,
}

// Event is one thing that happened to a container, as the engine tells it.
type Event struct {
	ID       string // of the container
	Action   string // one of the Action constants, or one that the agent does not follow
	At       time.Time
	Name     string // of the container, at that time, without the slash
	Image    string // reference of its image
	ExitCode int    // of a die
	Signal   string // of a kill: a number, as the engine says it
	Health   string // of a health_status: healthy, unhealthy or starting
}

// rawEvent is one object of the stream.
type rawEvent struct {
	Type   string
	Action string
	Actor  struct {
		ID         string
		Attributes map[string]string
	}
	Time     int64 `json:"time"`     // unix seconds
	TimeNano int64 `json:"timeNano"` // unix nanoseconds
}

// ParseEvent reads one object of the events stream. ok is false for an object
// that is no event of a container.
func ParseEvent(line []byte) (e Event, ok bool, err error) {
	var raw rawEvent
	if err := json.Unmarshal(line, &raw); err != nil {
		return Event{}, false, fmt.Errorf("docker event %q: %w", shorten(line), err)
	}
	if raw.Type != "container" || raw.Actor.ID == "" {
		return Event{}, false, nil
	}
	attributes := raw.Actor.Attributes
	e = Event{
		ID: raw.Actor.ID, At: raw.at(),
		Name: strings.TrimPrefix(attributes["name"], "/"), Image: attributes["image"],
	}
	action, detail, _ := strings.Cut(raw.Action, ":")
	switch e.Action = action; action {
	case ActionDie:
		e.ExitCode, err = strconv.Atoi(attributes["exitCode"])
		if err != nil {
			return Event{}, false, fmt.Errorf("docker event %q: exitCode %q: expected a number", shorten(line), attributes["exitCode"])
		}
	case ActionKill:
		e.Signal = attributes["signal"]
	case ActionHealth:
		e.Health = strings.TrimSpace(detail)
	}
	return e, true, nil
}

// at prefers the finer of the two times that an engine may send.
func (r rawEvent) at() time.Time {
	if r.TimeNano != 0 {
		return time.Unix(0, r.TimeNano)
	}
	return time.Unix(r.Time, 0)
}

// shorten bounds how much of an offending line an error repeats.
func shorten(line []byte) []byte { return line[:min(len(line), 200)] }
