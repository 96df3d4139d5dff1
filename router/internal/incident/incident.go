// Package incident decides what an alert means for the people on call: it opens, updates and resolves incidents,
// runs their escalation, and says which messages must go out.
//
// Everything here is a pure decision over values and a given time: package state makes the outcome durable,
// package page delivers it, and the router's app holds the loop and the clock. Nothing here reads a clock,
// touches a disk or speaks to a network.
package incident

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/escalation"
)

// Severity says how much an alert may disturb. It only rises while an incident is open.
type Severity string

// The severities, from least to most disturbing.
const (
	SeverityInfo   Severity = "info"   // shown, never sent
	SeverityTicket Severity = "ticket" // sent, never wakes anybody
	SeverityPage   Severity = "page"   // wakes people; never held
)

// Rank orders severities: info 1, ticket 2, page 3, anything else 0.
func (s Severity) Rank() int {
	switch s {
	case SeverityInfo:
		return 1
	case SeverityTicket:
		return 2
	case SeverityPage:
		return 3
	}
	return 0
}

// Kind tells the two kinds of alert apart.
type Kind string

const (
	// KindState is an alert with a condition that is true, false or unknown: only a false seen in data newer than the
	// firing resolves it.
	KindState Kind = "state"
	// KindOccurrence is something that happened. It has no false: its named opposite, a person, or time after an
	// acknowledgement resolves it.
	KindOccurrence Kind = "occurrence"
)

// Alert is what a rule, or the error ingestion, says about one dedup key at one time.
type Alert struct {
	Key      string            `json:"key"`               // dedup key, see [DedupKey]
	Rule     string            `json:"rule"`              // id of the rule that speaks
	Kind     Kind              `json:"kind"`              // state or occurrence
	Firing   bool              `json:"firing"`            // false: resolved
	Severity Severity          `json:"severity"`          // of this alert, now
	Labels   map[string]string `json:"labels,omitempty"`  // host, container_name, check, project … and the rule's own labels; routes match on these
	Summary  string            `json:"summary"`           // one line of plain text: what is the matter
	At       time.Time         `json:"at"`                // time of the sample or event itself, not of its arrival
	Event    string            `json:"event,omitempty"`   // identity of the event, for occurrences: a repeat of it changes nothing
	Reason   string            `json:"reason,omitempty"`  // why it is said now: the value and the limit, or what else the rule saw
	Runbook  string            `json:"runbook,omitempty"` // URL of what to do; "" for none
	Source   string            `json:"source,omitempty"`  // URL that the sender gave of where it comes from, such as a graph; "" for none
	Lasting  bool              `json:"lasting,omitempty"` // an occurrence that a named opposite ends: without that it goes on
	Before   []Mark            `json:"before,omitempty"`  // what changed on its host just before it fired, the newest first
}

// Mark is something that was changed on a host: a container was started, replaced, or stopped on request.
type Mark struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Remark is something worth a line in a timeline that neither opens nor resolves anything: a deploy, or an event that
// came after newer ones.
type Remark struct {
	Key   string // dedup key of the alert that it belongs to
	Event string // identity of the event: it is written down once
	Text  string
}

// DedupKey is the key under which alerts are one and the same: the rule's id and the values of its `by` tags, in
// the order of the sorted tag names. Values are escaped, so that no two lists of values share a key.
func DedupKey(rule string, values ...string) string {
	var key strings.Builder
	_, _ = keyEscape.WriteString(&key, rule) // a Builder takes everything
	for _, v := range values {
		key.WriteByte('|')
		_, _ = keyEscape.WriteString(&key, v)
	}
	return key.String()
}

var keyEscape = strings.NewReplacer(`\`, `\\`, `|`, `\|`)

// State is where an incident stands.
type State string

// The states of an incident.
const (
	Triggered    State = "triggered"
	Acknowledged State = "acknowledged" // somebody has it
	Snoozed      State = "snoozed"      // somebody has it, and wants to hear of it again at a time if it is not over then
	Resolved     State = "resolved"
)

// AlertState is one alert as its incident holds it.
type AlertState struct {
	Alert           // as last reported
	Count int       `json:"count"`         // distinct events, or firings, seen
	First time.Time `json:"first"`         // when it first fired
	Nth   int       `json:"nth,omitempty"` // how many alerts the incident held before it; 0 also in records of older releases
}

// Incident is one problem that needs, or needed, a person.
//
// Its JSON form is stored: release N reads what release N−1 wrote.
type Incident struct {
	Version        int                   `json:"version"`
	ID             string                `json:"id"` // sorts by time of opening
	State          State                 `json:"state"`
	Severity       Severity              `json:"severity"`
	Alerts         map[string]AlertState `json:"alerts"` // by dedup key
	OpenedAt       time.Time             `json:"opened_at"`
	AcknowledgedAt time.Time             `json:"acknowledged_at,omitzero"`
	AcknowledgedBy string                `json:"acknowledged_by,omitempty"` // also who snoozed it
	SnoozedUntil   time.Time             `json:"snoozed_until,omitzero"`
	FirstAckAt     time.Time             `json:"first_acknowledged_at,omitzero"` // somebody had it for the first time, whatever became of that
	FirstAckBy     string                `json:"first_acknowledged_by,omitempty"`
	ResolvedAt     time.Time             `json:"resolved_at,omitzero"`
	ResolvedBy     string                `json:"resolved_by,omitempty"` // a person, or "" when the alerts themselves resolved
	Policy         *escalation.Policy    `json:"policy"`                // frozen at opening; incidents share it, and nobody alters it
	Progress       escalation.Progress   `json:"progress"`
	Group          string                `json:"group,omitempty"`         // what its alerts were brought together by
	GroupUntil     time.Time             `json:"group_until,omitzero"`    // until when further alerts of the group join it
	PartOf         string                `json:"part_of,omitempty"`       // the incident that it holds an alert of; nobody is paged for a part
	More           int                   `json:"more,omitempty"`          // alerts that its parts have held
	OpenParts      int                   `json:"open_parts,omitempty"`    // parts that are not resolved
	MoreStates     bool                  `json:"more_states,omitempty"`   // a part has held a state alert
	PartSpeaks     *AlertState           `json:"part_speaks,omitempty"`   // while only parts fire: an alert of one of them, which speaks for the incident
	PartsAt        time.Time             `json:"parts_at,omitzero"`       // when an alert of a part was last reported, to the minute
	Reopenings     []time.Time           `json:"reopenings,omitempty"`    // the latest times at which it was opened again
	Flapping       bool                  `json:"flapping,omitempty"`      // it came and went too often: it is over when it has been quiet
	Flaps          int                   `json:"flaps,omitempty"`         // how often it came back
	QuietAt        time.Time             `json:"quiet_at,omitzero"`       // nothing of it fires: when that has lasted long enough
	RetriggerAt    time.Time             `json:"retrigger_at,omitzero"`   // acknowledged before it was opened again: when it pages if it still fires
	Remarked       []string              `json:"remarked,omitempty"`      // events of the latest remarks
	Suppressed     string                `json:"suppressed,omitempty"`    // why nobody is paged for it; "": it pages
	SuppressedBy   string                `json:"suppressed_by,omitempty"` // the incident that hides it
	ReleaseAt      time.Time             `json:"release_at,omitzero"`     // what hid it is over: when it pages if it still holds
	Hides          int                   `json:"hides,omitempty"`         // how often its timeline had a word for what it hides
	Again          string                `json:"again,omitempty"`         // why it called for the latest time, when that was not for the first
	Heard          []string              `json:"heard,omitempty"`         // events of the latest reports from providers
	HeardAt        time.Time             `json:"heard_at,omitzero"`       // when the newest report that was heeded happened
	Entries        int                   `json:"entries"`                 // timeline entries written so far
	Rows           int                   `json:"rows"`                    // outbox rows written so far
}

// Quiet says that an open incident pages nobody for a reason of its own: it is suppressed, or a part of another.
func (inc Incident) Quiet() bool {
	return inc.State != Resolved && (inc.Suppressed != "" || inc.PartOf != "")
}

// Unpaged says that nobody was told of an incident, for a reason of its own: it was suppressed all along, or is a part of
// another.
func (inc Incident) Unpaged() bool {
	return inc.PartOf != "" || (inc.Suppressed != "" && inc.Rows == 0)
}

// Lead is the alert that speaks for the incident, in messages, lists and the console: the first of [Incident.Ordered], or one of a
// part while only parts fire.
func (inc Incident) Lead() AlertState { return inc.speaking()[0] }

// speaking lists the alerts that fire, or all when none does, the lead first. While only parts fire, it is one of theirs.
func (inc Incident) speaking() []AlertState {
	if inc.PartSpeaks != nil {
		return []AlertState{*inc.PartSpeaks}
	}
	all := inc.Ordered()
	if over := slices.IndexFunc(all, func(a AlertState) bool { return !a.Firing }); over > 0 {
		return all[:over]
	}
	return all
}

// set puts an alert into the incident. It alters no map that others hold.
func (inc *Incident) set(a AlertState) {
	alerts := make(map[string]AlertState, len(inc.Alerts)+1)
	maps.Copy(alerts, inc.Alerts)
	alerts[a.Key] = a
	inc.Alerts = alerts
}

// Ordered lists the alerts, those that fire first: of them the gravest, then the one that fired first, then the one that
// came first. An incident holds at least one.
func (inc Incident) Ordered() []AlertState {
	if len(inc.Alerts) == 1 {
		for _, a := range inc.Alerts {
			return []AlertState{a}
		}
	}
	return slices.SortedFunc(maps.Values(inc.Alerts), func(a, b AlertState) int {
		switch {
		case a.Firing != b.Firing && a.Firing:
			return -1
		case a.Firing != b.Firing:
			return 1
		}
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), a.First.Compare(b.First), cmp.Compare(a.Nth, b.Nth), cmp.Compare(a.Key, b.Key))
	})
}

// FiringKeys lists the dedup keys of the alerts of a kind that fire, sorted.
func (inc Incident) FiringKeys(kind Kind) []string {
	var keys []string
	for key, a := range inc.Alerts {
		if a.Firing && a.Kind == kind {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Summaries lists what the alerts that fire say, or all when none does, the lead first.
func (inc Incident) Summaries() []string {
	var all []string
	for _, a := range inc.speaking() {
		all = append(all, a.Summary)
	}
	return all
}

// Further is how many alerts there are besides those of Summaries: of the parts.
func (inc Incident) Further() int {
	if inc.PartSpeaks != nil {
		return max(inc.OpenParts-1, 0)
	}
	return inc.More
}

// Version is what this release writes into each stored record of this package.
const Version = 1

// Entry is one line of an incident's timeline.
type Entry struct {
	Version  int       `json:"version"`
	Incident string    `json:"incident"`
	Seq      int       `json:"seq"` // 0, 1, 2 … within the incident
	At       time.Time `json:"at"`
	Text     string    `json:"text"`
}
