package edit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// rings are the lines of one layer.
type rings struct {
	schedule, layer string
	lines           []ring
}

// ring is a line of a layer and where it stands: the n-th of its schedule.
type ring struct {
	schedule.Line
	n int
}

func (r ring) path(more ...any) []any {
	return append([]any{"schedule", r.Schedule, "layers", r.n}, more...)
}

// layers are those of a schedule, in file order.
func layers(f *schedule.File, name string) []rings {
	var all []rings
	n := 0
	for _, l := range f.Lines() {
		if l.Schedule != name {
			continue
		}
		if last := len(all) - 1; last < 0 || all[last].layer != l.Layer {
			all = append(all, rings{schedule: name, layer: l.Layer})
		}
		last := &all[len(all)-1]
		last.lines = append(last.lines, ring{l, n})
		n++
	}
	return all
}

// handoff is where a line can be cut: at the beginning of one of its turns.
type handoff struct {
	ring
	at   time.Time
	next int // which turn of the ring begins
}

// cut finds the handoff of a layer at a time, or without one (zero) the first after now. The error names those before and
// after a time that is none.
func (r rings) cut(at, now time.Time) (handoff, error) {
	if !at.IsZero() && !at.After(now) {
		return handoff{}, fmt.Errorf("%s is not ahead: what has been on call stays as it is", at.Format(minute))
	}
	from := at
	if at.IsZero() {
		from = now
	}
	for _, l := range r.lines {
		if at.IsZero() && l.Begin.After(now) {
			return handoff{l, l.Begin, 0}, nil
		}
		if l.Begin.Equal(at) {
			return handoff{l, l.Begin, 0}, nil
		}
		_, begin, end, ok := l.Turn(from)
		switch {
		case !ok:
			continue
		case begin.Equal(at):
			return l.handoff(at)
		case !at.IsZero():
			return handoff{}, fmt.Errorf("%s is no handoff of the layer %q: %s and %s are", show(at, l), r.layer, show(begin, l), show(end, l))
		case !end.IsZero() && (l.End.IsZero() || end.Before(l.End)):
			return l.handoff(end)
		}
	}
	if at.IsZero() {
		return handoff{}, fmt.Errorf("the layer %q of %s hands off no more after %s", r.layer, r.schedule, now.Format(minute))
	}
	return handoff{}, fmt.Errorf("the layer %q of %s has no turn at %s", r.layer, r.schedule, at.Format(minute))
}

func show(at time.Time, l ring) string {
	if at.IsZero() {
		return "none after it"
	}
	return at.In(l.Zone()).Format(minute)
}

// handoff makes sure that the file can name the time, and that a line which begins then keeps the clock.
func (r ring) handoff(at time.Time) (handoff, error) {
	index, _, _, ok := r.Turn(at)
	if _, named := r.Written(at); !ok || !named {
		return handoff{}, fmt.Errorf("the clock is changed at %s: a line cannot begin there, take another handoff", show(at, r))
	}
	return handoff{r, at, index}, nil
}

// turns is a ring as the file writes it.
func turns(ring [][]string) string {
	all := make([]string, 0, len(ring))
	for _, turn := range ring {
		switch len(turn) {
		case 0:
			all = append(all, quoted(schedule.Nobody))
		case 1:
			all = append(all, quoted(turn[0]))
		default:
			all = append(all, list(turn))
		}
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// rotated is the ring that begins with another of its turns.
func rotated(ring [][]string, first int) [][]string {
	return slices.Concat(ring[first:], ring[:first])
}
