package sentry

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"slices"
	"strings"
)

// Group is what makes an event the same error as another.
type Group struct {
	Key   string   // 32 hexadecimal digits
	Parts []string // what the key is made of: the answer to "why did these group?"
}

// Group finds the event's group: by the sender's fingerprint, else by its exceptions, else by its message, else by
// its stack. Line numbers, values and ids never count, so that neither a deploy nor a user's name makes a new error.
func (e Event) Group() Group {
	parts := e.defaultParts()
	if custom := e.customParts(parts); len(custom) > 0 {
		parts = custom
	}
	sum := sha256.New()
	for _, p := range parts {
		io.WriteString(sum, strings.ReplaceAll(p, "\x00", "")+"\x00") //nolint:errcheck // a hash never fails
	}
	return Group{Key: hex.EncodeToString(sum.Sum(nil)[:16]), Parts: parts}
}

// customParts expands the sender's fingerprint; `{{ default }}` in it stands for the parts there would be without one.
func (e Event) customParts(byDefault []string) []string {
	var parts []string
	for _, f := range e.Fingerprint {
		name, isVariable := variable(f)
		switch {
		case !isVariable:
			parts = append(parts, "fingerprint "+f)
		case name == "default":
			parts = append(parts, byDefault...)
		default:
			parts = append(parts, "fingerprint "+e.value(name))
		}
	}
	return parts
}

// variable takes `{{ name }}` apart.
func variable(s string) (name string, ok bool) {
	s, opened := strings.CutPrefix(strings.TrimSpace(s), "{{")
	s, closed := strings.CutSuffix(s, "}}")
	return strings.TrimSpace(s), opened && closed
}

// value is what a fingerprint's variable stands for; one that is not known stands for its own name.
func (e Event) value(name string) string {
	if tag, ok := strings.CutPrefix(name, "tags."); ok {
		return e.Tags[tag]
	}
	var top Frame
	if used := usedFrames(e.stack()); len(used) > 0 {
		top = used[len(used)-1]
	}
	switch name {
	case "type", "error.type":
		return e.ErrorType()
	case "message", "error.value":
		return e.Title()
	case "transaction":
		return e.Transaction
	case "level":
		return e.Level
	case "function", "stack.function":
		return top.Function
	case "module", "stack.module":
		return top.Module
	}
	return name
}

// stack is the event's most telling stack: that of what was caught last.
func (e Event) stack() []Frame {
	for _, x := range slices.Backward(e.Exceptions) {
		if len(x.Frames) > 0 {
			return x.Frames
		}
	}
	return e.Frames
}

func (e Event) defaultParts() []string {
	if parts := e.exceptionParts(); len(parts) > 0 {
		return parts
	}
	if m := Template(e.Message); m != "" {
		return []string{"message " + m}
	}
	if parts := frameParts(e.Frames); len(parts) > 0 {
		return parts
	}
	return []string{"empty"}
}

// exceptionParts are the types and calls of a chain. As soon as one member has calls, those without contribute
// their type only: sentry-go gives a stack to the outermost error alone, and the inner ones' values would split a group.
// A type that repeats without calls counts once, so that joining two errors or three makes no difference.
func (e Event) exceptionParts() []string {
	var parts []string
	calls := slices.ContainsFunc(e.Exceptions, func(x Exception) bool { return len(x.Frames) > 0 })
	seen := map[string]bool{}
	for _, x := range e.Exceptions {
		own := x.parts(calls)
		if len(x.Frames) == 0 {
			key := strings.Join(own, "\x00")
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		parts = append(parts, own...)
	}
	return parts
}

// parts are what one member contributes to its chain; chainHasCalls says that some member has frames.
func (x Exception) parts(chainHasCalls bool) []string {
	var parts []string
	if x.Type != "" && !x.Synthetic {
		parts = append(parts, "type "+x.Type)
	}
	if value := Template(x.Value); value != "" && !chainHasCalls {
		parts = append(parts, "value "+value)
	}
	return append(parts, frameParts(x.Frames)...)
}

// usedFrames are the calls of the sender's own code, or all when none is known to be.
func usedFrames(frames []Frame) []Frame {
	var own []Frame
	for _, f := range frames {
		if f.InApp {
			own = append(own, f)
		}
	}
	if len(own) > 0 {
		return own
	}
	return frames
}

func frameParts(frames []Frame) []string {
	var parts []string
	last := ""
	for _, f := range usedFrames(frames) {
		p := f.part()
		if p == "" || p == last { // a recursion's depth says nothing
			continue
		}
		parts, last = append(parts, p), p
	}
	return parts
}

// part is the call as far as it stays the same from release to release.
func (f Frame) part() string {
	where := f.Module
	if where == "" && !strings.Contains(f.Filename, "://") && !strings.HasPrefix(f.Filename, "<") {
		where = strings.ToLower(path.Base(strings.ReplaceAll(f.Filename, `\`, "/")))
	}
	if where == "." {
		where = ""
	}
	function := f.Function
	if function == "?" || function == "<anonymous>" {
		function = ""
	}
	if where == "" && function == "" {
		return ""
	}
	return "call " + where + " " + function
}
