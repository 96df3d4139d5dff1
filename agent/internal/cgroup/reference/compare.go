package reference

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/kernel"
)

// Compared is one figure read by both: by the reference before and after our own.
type Compared struct {
	Name               string
	Before, Own, After kernel.Figure
	Differs            bool
}

// Compare holds a reading against two of the reference, one before and one after it. What counts must lie between the two; what
// goes up and down must be near them. Figures that the reference does not know are not compared, and not listed.
func Compare(before, own, after *cgroup.Sample) []Compared {
	ours, later := byName(own), byName(after)
	var all []Compared
	for _, f := range before.Figures() {
		c := Compared{Name: f.Name, Before: f.Figure, Own: ours[f.Name], After: later[f.Name]}
		if !c.Before.Known && !c.After.Known {
			continue
		}
		c.Differs = differs(c, f.Grows)
		all = append(all, c)
	}
	return all
}

func byName(s *cgroup.Sample) map[string]kernel.Figure {
	all := make(map[string]kernel.Figure)
	for _, f := range s.Figures() {
		all[f.Name] = f.Figure
	}
	return all
}

// near is by how much a figure that goes up and down may lie beside two readings of the reference that are equal: the kernel
// counts pages on each CPU for itself, and adds up now and then.
const near = 256 << 10

func differs(c Compared, grows bool) bool {
	low, high := min(c.Before.Value, c.After.Value), max(c.Before.Value, c.After.Value)
	switch {
	case !c.Before.Known || !c.After.Known:
		return false // it came or went between the two
	case !c.Own.Known:
		return high > 0 // the library says 0 also for what it cannot read
	case grows:
		return c.Own.Value < low || c.Own.Value > high
	}
	slack := high - low + high/16
	if high > near {
		slack += near
	}
	return c.Own.Value+slack < low || c.Own.Value > high+slack
}

// tries is how often two readings are compared before a figure counts as different: between two reads of a busy container much
// happens.
const tries = 5

// Check compares what two sources read of one cgroup, some times if need be, and gives the last comparison; what differs in it has
// differed each time. A cgroup that ended gives [cgroup.ErrGone].
func Check(own, reference cgroup.Source) ([]Compared, error) {
	var before, ours, after cgroup.Sample
	var last []Compared
	for try := range tries {
		for _, read := range []struct {
			source cgroup.Source
			into   *cgroup.Sample
		}{{reference, &before}, {own, &ours}, {reference, &after}} {
			if err := read.source.Read(read.into, time.Time{}); err != nil {
				return nil, err
			}
		}
		now := Compare(&before, &ours, &after)
		if try > 0 {
			for i := range now {
				now[i].Differs = now[i].Differs && differed(last, now[i].Name)
			}
		}
		if last = now; !slices.ContainsFunc(now, func(c Compared) bool { return c.Differs }) {
			break
		}
	}
	return last, nil
}

func differed(all []Compared, name string) bool {
	return slices.ContainsFunc(all, func(c Compared) bool { return c.Name == name && c.Differs })
}

// Disagreement says in what our reader and the library's handler differ.
type Disagreement struct{ Figures []Compared }

// Error names the figures, a few of many.
func (d *Disagreement) Error() string {
	const most = 3
	var texts []string
	for _, c := range d.Figures[:min(len(d.Figures), most)] {
		texts = append(texts, c.String())
	}
	text := strings.Join(texts, "; ")
	if more := len(d.Figures) - most; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// String says what was read: "docker_container_mem limit: found 5, cAdvisor's handler says 67108864".
func (c Compared) String() string {
	own := "nothing"
	if c.Own.Known {
		own = fmt.Sprint(c.Own.Value)
	}
	says := fmt.Sprint(c.Before.Value)
	if c.After.Value != c.Before.Value {
		says += fmt.Sprintf(" to %d", c.After.Value)
	}
	return fmt.Sprintf("%s: found %s, cAdvisor's handler says %s", c.Name, own, says)
}

// Open gives a reader for the cgroup at a place: our own, or cAdvisor's handler where our own says something else, or cannot read
// what the handler can; why then says what. A cgroup that ended gives [cgroup.ErrGone].
func Open(files *kernel.Files, place cgroup.Place) (source cgroup.Source, why, err error) {
	own, err := cgroup.NewReader(files, place)
	if errors.Is(err, cgroup.ErrGone) {
		return nil, nil, err
	}
	handler, handlerErr := New(place)
	if handlerErr != nil {
		if err != nil {
			return nil, nil, err
		}
		return own, nil, nil // with which nothing compares
	}
	if err != nil {
		return handler, err, nil
	}
	compared, err := Check(own, handler)
	different := slices.DeleteFunc(compared, func(c Compared) bool { return !c.Differs })
	switch {
	case errors.Is(err, cgroup.ErrGone):
		own.Close()
		return nil, nil, err
	case err != nil:
		return either(own, handler, err)
	case len(different) > 0:
		own.Close()
		return handler, &Disagreement{different}, nil
	}
	return own, nil, nil
}

// either gives the one of two sources that can read, as one of them cannot.
func either(own *cgroup.Reader, handler *Handler, cause error) (cgroup.Source, error, error) {
	var s cgroup.Sample
	if own.Read(&s, time.Time{}) == nil {
		return own, nil, nil
	}
	own.Close()
	if err := handler.Read(&s, time.Time{}); err != nil {
		return nil, nil, cause
	}
	return handler, cause, nil
}
