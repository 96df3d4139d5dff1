package incident

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// An agenda answers as a list would that is looked through as a whole.
func TestAnAgendaIsALookThroughAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, all := newAgenda(), map[string]time.Time{}
		ids := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
		second := rapid.IntRange(0, 10)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			id, due, ever := ids.Draw(t, "id"), start.Add(time.Duration(second.Draw(t, "due"))*time.Second), rapid.Bool().Draw(t, "ever")
			a.set(id, due, ever)
			delete(all, id)
			if ever {
				all[id] = due
			}
			now := start.Add(time.Duration(second.Draw(t, "now")) * time.Second)
			var want []string
			for id, due := range all {
				if !due.After(now) {
					want = append(want, id)
				}
			}
			slices.Sort(want)
			if got := a.due(now); !slices.Equal(got, want) {
				t.Fatalf("found %v, want %v", got, want)
			}
		}
	})
}
