package schedule

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Answer says who is on call for one schedule at one instant, for how long, and why.
type Answer struct {
	At       time.Time // the instant asked about
	Schedule string
	People   []string  // sorted; empty when nobody is on call
	Shadow   []string  // sorted; learners who are not in People, paged only in copy
	Until    time.Time // first later instant at which People or Shadow differs, in the file's zone; zero: not within ten years
	Reasons  []Reason  // one for each of People, in their order
}

// String is the line that people read:
//
//	on call: alice (api, until 2026-11-30 09:00 CET)
func (a Answer) String() string {
	who := strings.Join(a.People, ", ")
	if who == "" {
		who = "nobody"
	}
	return fmt.Sprintf("on call: %s (%s, until %s)", who, a.Schedule, a.UntilText())
}

// UntilText is Until as people read it, in the file's zone; "further notice" when nothing changes within ten years.
func (a Answer) UntilText() string {
	if a.Until.IsZero() {
		return "further notice"
	}
	return a.Until.Format("2006-01-02 15:04 MST")
}

// MarshalJSON writes lists that are never null, and until as null when nothing changes within ten years.
func (a Answer) MarshalJSON() ([]byte, error) {
	out := struct {
		At       time.Time  `json:"at"`
		Schedule string     `json:"schedule"`
		People   []string   `json:"people"`
		Shadow   []string   `json:"shadow"`
		Until    *time.Time `json:"until"`
		Reasons  []Reason   `json:"reasons"`
	}{At: a.At, Schedule: a.Schedule, People: list(a.People), Shadow: list(a.Shadow), Reasons: list(a.Reasons)}
	if !a.Until.IsZero() {
		out.Until = &a.Until
	}
	return json.Marshal(out)
}

// list turns nil into a list without items.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// Reason says why one person is on call. Of somebody who is added it says the change alone.
type Reason struct {
	Person     string `json:"person"`
	Layer      string `json:"layer"`                 // name of the layer
	Turn       int    `json:"turn"`                  // distinct handoffs since the `from` of the layer's line, so 0 is the first turn
	Line       int    `json:"line"`                  // where that line stands in the file
	Change     string `json:"change,omitempty"`      // the kind of the change that put Person there: one of the Change… names
	Covers     string `json:"covers,omitempty"`      // whose turn it is, when a change put Person there; several are joined by ", "
	ChangeLine int    `json:"change_line,omitempty"` // where that change stands
}

// String is such as "alice: layer base, turn 46 (line 12)", "dan: covers bob (line 20), layer base, turn 3 (line 12)" or
// "erin: added (line 22)".
func (r Reason) String() string {
	turn := fmt.Sprintf("layer %s, turn %d (line %d)", r.Layer, r.Turn, r.Line)
	switch r.Change {
	case ChangeAdd:
		return fmt.Sprintf("%s: added (line %d)", r.Person, r.ChangeLine)
	case ChangeCover:
		return fmt.Sprintf("%s: covers %s (line %d), %s", r.Person, r.Covers, r.ChangeLine, turn)
	case ChangeOff:
		return fmt.Sprintf("%s: steps in for %s, off (line %d), %s", r.Person, r.Covers, r.ChangeLine, turn)
	case ChangeSwap:
		return fmt.Sprintf("%s: swapped with %s (line %d), %s", r.Person, r.Covers, r.ChangeLine, turn)
	}
	return fmt.Sprintf("%s: %s", r.Person, turn)
}
