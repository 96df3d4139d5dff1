// Package escalation decides whom an unacknowledged incident tells next.
package escalation

import (
	"time"

	"nezuban/oncall/schedule"
)

// Progress is how far the escalation of an incident has come. The zero value has not begun.
type Progress struct {
	Pass     int       `json:"pass"`               // passes finished
	Step     int       `json:"step"`               // steps of this pass taken or skipped
	Started  time.Time `json:"started,omitzero"`   // when the first step was taken
	Next     time.Time `json:"next,omitzero"`      // when Next must be called again
	Found    bool      `json:"found,omitempty"`    // somebody was told in this pass
	Fallback bool      `json:"fallback,omitempty"` // all passes are over: only the fallback is told from here on
}

// Notify is one message to send: one person, one channel, one time.
type Notify struct {
	Person  string
	Channel string
	At      time.Time // not before this; the step's start plus the channel's delay
	Pass    int       // 1 for the first
	Step    int       // 1 for the first; 0 for the fallback
	Why     string    // why this person, for people
}

// Next takes the next step of p.
func Next(p Policy, f *schedule.File, pr Progress, severity string, now time.Time) (Progress, []Notify) {
	return pr, nil
}
