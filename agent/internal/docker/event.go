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

// Message is one object of the events stream in the engine's own form, as far as it is read.
type Message struct {
	Type   string
	Action string // a health_status has its value behind a colon
	Actor  struct {
		ID         string
		Attributes map[string]string // the engine's own (see below), among the container's labels
	}
	Time     int64 `json:"time,omitempty"`     // unix seconds
	TimeNano int64 `json:"timeNano,omitempty"` // unix nanoseconds
}

// typeContainer is the type of messages that are events of containers.
const typeContainer = "container"

// Attributes of an event that are read.
const (
	attributeName     = "name"
	attributeImage    = "image"
	attributeExitCode = "exitCode" // of a die
	attributeSignal   = "signal"   // of a kill
)

// ParseEvent reads one object of the events stream. ok is false for an object
// that is no event of a container.
func ParseEvent(line []byte) (e Event, ok bool, err error) {
	_, e, ok, err = parse(line)
	return e, ok, err
}

// parse is ParseEvent, with the object itself.
func parse(line []byte) (m Message, e Event, ok bool, err error) {
	if err := json.Unmarshal(line, &m); err != nil {
		return Message{}, Event{}, false, fmt.Errorf("docker event %q: %w", shorten(line), err)
	}
	if m.Type != typeContainer || m.Actor.ID == "" {
		return Message{}, Event{}, false, nil
	}
	if e, err = m.event(); err != nil {
		return Message{}, Event{}, false, fmt.Errorf("docker event %q: %w", shorten(line), err)
	}
	return m, e, true, nil
}

func (m Message) event() (Event, error) {
	attributes := m.Actor.Attributes
	e := Event{
		ID: m.Actor.ID, At: m.at(),
		Name: strings.TrimPrefix(attributes[attributeName], "/"), Image: attributes[attributeImage],
	}
	action, detail, _ := strings.Cut(m.Action, ":")
	switch e.Action = action; action {
	case ActionDie:
		code, err := strconv.Atoi(attributes[attributeExitCode])
		if err != nil {
			return Event{}, fmt.Errorf("exitCode %q: expected a number", attributes[attributeExitCode])
		}
		e.ExitCode = code
	case ActionKill:
		e.Signal = attributes[attributeSignal]
	case ActionHealth:
		e.Health = strings.TrimSpace(detail)
	}
	return e, nil
}

// at prefers the finer of the two times that an engine may send.
func (m Message) at() time.Time {
	if m.TimeNano != 0 {
		return time.Unix(0, m.TimeNano)
	}
	return time.Unix(m.Time, 0)
}

// shorten bounds how much of an offending line an error repeats.
func shorten(line []byte) []byte { return line[:min(len(line), 200)] }
