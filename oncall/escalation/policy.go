package escalation

import (
	"time"

	"nezuban/oncall/schedule"
)

// Policy is a policy of the rotation file as an incident holds it: frozen when the incident opens, so that an edit
// of the file never moves an escalation that is under way. Names in it are looked up in the file in force when a
// step starts.
type Policy struct {
	Name       string        `json:"name"`
	Steps      []Step        `json:"steps"`
	Repeat     int           `json:"repeat"`              // further passes after the first
	Fallback   string        `json:"fallback"`            // a person
	AckTimeout time.Duration `json:"ack_timeout_ns"`      // an acknowledged page triggers again after it; 0: never
	Unmatched  bool          `json:"unmatched,omitempty"` // no route matched: this is the file's first policy
}

// Step is one step of a [Policy].
type Step struct {
	Page []string      `json:"page"`    // people and schedules
	Wait time.Duration `json:"wait_ns"` // until the next step
}

// PolicyFor chooses the policy for an incident with these labels: the one of the first route that matches, else the
// file's first policy with matched false. A file without policies gives a zero Policy and false.
func PolicyFor(f *schedule.File, labels map[string]string) (p Policy, matched bool) {
	return Policy{}, false
}
