package docker

import (
	"maps"
	"slices"
	"strings"
)

// The functions of this file leave what may be handed on to somebody who must
// not know everything: what the types of this package hold, but for labels that
// are not named.

// Passed leaves only the labels that are named.
func (s Summary) Passed(labels []string) Summary {
	s.Labels = only(s.Labels, labels)
	return s
}

// Passed leaves only the labels that are named, and, without their text, those that make [Claims].
func (a Inspection) Passed(labels []string) Inspection {
	left := only(a.Config.Labels, labels)
	for _, key := range claimable {
		_, there := a.Config.Labels[key]
		if _, named := left[key]; there && !named {
			left[key] = ""
		}
	}
	a.Config.Labels = left
	return a
}

// Passed leaves what the agent reads of an event, and the labels that are named.
// ok is false for an event that the agent does not follow: the action of some,
// such as exec_create, holds a command line.
func (m Message) Passed(labels []string) (passed Message, ok bool) {
	action, detail, _ := strings.Cut(m.Action, ":")
	if !slices.Contains(types[:], m.Type) || !slices.Contains(actions[:], action) {
		return Message{}, false
	}
	attributes := append([]string{attributeName, attributeImage}, labels...)
	passed = Message{Type: m.Type, Action: action, Time: m.Time, TimeNano: m.TimeNano}
	switch action {
	case ActionDie:
		attributes = append(attributes, attributeExitCode)
	case ActionKill:
		attributes = append(attributes, attributeSignal)
	case ActionRename:
		attributes = append(attributes, attributeOldName)
	case ActionHealth:
		detail = strings.TrimSpace(detail)
		if !isWord(detail) {
			return Message{}, false
		}
		passed.Action += ": " + detail
	}
	passed.Actor.ID = m.Actor.ID
	passed.Actor.Attributes = only(m.Actor.Attributes, attributes)
	return passed, true
}

// only is a copy of a map with some of its keys.
func only(all map[string]string, keys []string) map[string]string {
	left := maps.Clone(all)
	maps.DeleteFunc(left, func(key, _ string) bool { return !slices.Contains(keys, key) })
	return left
}

// isWord says whether a text can be a state of health: small letters, a few of them.
func isWord(text string) bool {
	const longest = 20
	return text != "" && len(text) <= longest && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}
