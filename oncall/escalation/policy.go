package escalation

import (
	"fmt"
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// Policy is a policy of the rotation file as an incident holds it: frozen when the incident opens, so that an edit of
// the file never moves an escalation that is under way. Names in it are looked up in the file in force when a step
// starts.
//
// Its JSON form is stored inside the incident. Readers ignore fields they do not know and take a missing one as zero;
// a field's meaning never changes.
type Policy struct {
	Name       string   `json:"name"`
	Steps      []Step   `json:"steps"`
	Repeat     int      `json:"repeat,omitempty"`    // further passes after the first
	Fallback   string   `json:"fallback"`            // a person
	AckTimeout Duration `json:"ack_timeout"`         // an acknowledged page triggers again after it; 0: never
	Unmatched  bool     `json:"unmatched,omitempty"` // no route matched: this is the file's first policy

	Hold schedule.Hours `json:"hold,omitzero"` // in which tickets wait
}

// Step is one step of a [Policy].
type Step struct {
	Page   []string `json:"page"`             // people and schedules
	Rotate bool     `json:"rotate,omitempty"` // one of Page at a time, in turn
	Wait   Duration `json:"wait"`             // until the next step
}

// Duration is a time.Duration that is stored as text, such as "5m0s".
type Duration time.Duration

// Duration is d as the standard library has it.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

// MarshalText writes d so that UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("read a stored duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// builtIn is for a file without any policy: everybody on call, three times five minutes apart, then everybody there is.
const (
	builtInName   = "built-in"
	builtInWait   = 5 * time.Minute
	builtInRepeat = 2
)

// PolicyFor chooses the policy for an incident with these labels: that of the first route that matches. When none
// matches, matched is false and p is the file's first policy; in a file without policies it is a built-in one that
// pages everybody who is on call. An incident is never without somebody to tell.
func PolicyFor(f *schedule.File, labels map[string]string) (p Policy, matched bool) {
	for _, route := range f.Routes() {
		if !route.Matches(labels) {
			continue
		}
		if found, ok := policyNamed(f, route.Policy); ok {
			return frozen(found), true
		}
	}
	if policies := f.Policies(); len(policies) > 0 {
		p = frozen(policies[0])
	} else {
		p = Policy{
			Name: builtInName, Steps: []Step{{Page: f.Schedules(), Wait: Duration(builtInWait)}},
			Repeat: builtInRepeat, AckTimeout: Duration(schedule.DefaultAckTimeout),
		}
	}
	p.Unmatched = true
	return p, false
}

func policyNamed(f *schedule.File, name string) (schedule.Policy, bool) {
	for _, p := range f.Policies() {
		if p.Name == name {
			return p, true
		}
	}
	return schedule.Policy{}, false
}

// frozen copies a policy of the file.
func frozen(p schedule.Policy) Policy {
	out := Policy{Name: p.Name, Repeat: p.Repeat, Fallback: p.Fallback, AckTimeout: Duration(p.AckTimeout), Hold: p.Hold}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, Step{Page: slices.Clone(s.Page), Rotate: s.Rotate, Wait: Duration(s.Wait)})
	}
	return out
}
