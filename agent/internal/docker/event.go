package docker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Actions of container and image events that the agent follows, in the engine's words; ActionGone is the agent's own.
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
	ActionUpdate  = "update"

	ActionPull   = "pull"
	ActionLoad   = "load"
	ActionImport = "import"
	ActionTag    = "tag"
	ActionUntag  = "untag"
	ActionDelete = "delete"

	ActionGone = "gone" // it ran, and the engine has it no more: how it ended nobody knows
)

// actions is what the engine is asked for; it sends health_status with its value behind a colon.
var actions = [...]string{
	ActionCreate, ActionStart, ActionDie, ActionOOM, ActionHealth, ActionKill,
	ActionStop, ActionDestroy, ActionRename, ActionPause, ActionUnpause, ActionUpdate,
	ActionPull, ActionLoad, ActionImport, ActionTag, ActionUntag, ActionDelete,
}

// types are those of which the engine is asked for events.
var types = [...]string{typeContainer, typeImage}

// Event is one thing that happened to a container or an image, as the engine tells it.
type Event struct {
	OfImage  bool   // else it is of a container
	ID       string // of the container; of an image what the engine names it by
	Action   string // one of the Action constants, or one that the agent does not follow
	At       time.Time
	Name     string // of the container, at that time, without the slash
	OldName  string // of a rename
	Image    string // reference of its image
	ExitCode int    // of a die; [CodeUnknown] also when what the engine tells is no number
	Signal   string // of a kill: a number, as the engine says it
	Health   string // of a health_status: healthy, unhealthy or starting
}

// CodeUnknown is the exit code of a death of which the engine does not know it; a process may end with it, too.
const CodeUnknown = 255

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

// Types of messages that are read.
const (
	typeContainer = "container"
	typeImage     = "image"
)

// Attributes of an event that are read.
const (
	attributeName     = "name"
	attributeOldName  = "oldName" // of a rename
	attributeImage    = "image"
	attributeExitCode = "exitCode" // of a die
	attributeSignal   = "signal"   // of a kill
)

// ParseEvent reads one object of the events stream. ok is false for an object
// that is no event of a container or an image.
func ParseEvent(line []byte) (e Event, ok bool, err error) {
	_, e, ok, err = parse(line)
	return e, ok, err
}

// parse is ParseEvent, with the object itself.
func parse(line []byte) (m Message, e Event, ok bool, err error) {
	if err := json.Unmarshal(line, &m); err != nil {
		return Message{}, Event{}, false, fmt.Errorf("docker event %q: %w", shorten(line), err)
	}
	if !slices.Contains(types[:], m.Type) || m.Actor.ID == "" {
		return Message{}, Event{}, false, nil
	}
	return m, m.event(), true, nil
}

func (m Message) event() Event {
	attributes := m.Actor.Attributes
	if m.Type == typeImage {
		return m.ofImage()
	}
	e := Event{
		ID: m.Actor.ID, At: m.at(),
		Name: strings.TrimPrefix(attributes[attributeName], "/"), Image: attributes[attributeImage],
	}
	action, detail, _ := strings.Cut(m.Action, ":")
	switch e.Action = action; action {
	case ActionDie:
		code, err := strconv.Atoi(attributes[attributeExitCode])
		if err != nil {
			code = CodeUnknown // a label has that name: the death is told all the same
		}
		e.ExitCode = code
	case ActionKill:
		e.Signal = attributes[attributeSignal]
	case ActionRename:
		e.OldName = strings.TrimPrefix(attributes[attributeOldName], "/")
	case ActionHealth:
		e.Health = strings.TrimSpace(detail)
	}
	return e
}

// ofImage is an event of an image: its name is an attribute, as its id may be of the content.
func (m Message) ofImage() Event {
	e := Event{OfImage: true, ID: m.Actor.ID, Action: m.Action, At: m.at(), Image: m.Actor.Attributes[attributeName]}
	if e.Image == "" {
		e.Image = m.Actor.ID
	}
	return e
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
