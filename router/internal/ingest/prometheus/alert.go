package prometheus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/incident"
)

// Rule is the rule id of every alert that came this way.
const Rule = "alert-received"

// Labels that mean something here. Routes match on these as on all others.
const (
	labelName     = "alertname"
	labelSeverity = "severity"
)

// alert words a posted alert as ours. It fires from startsAt until a resolve, which is one whose endsAt is over, comes for
// the same labels. A resolve is never as old as its firing.
func (p *posted) alert(now time.Time) incident.Alert {
	resolved := !p.endsAt.IsZero() && !p.endsAt.After(now)
	at := p.startsAt
	switch {
	case resolved:
		at = p.endsAt
		if !at.After(p.startsAt) {
			at = p.startsAt.Add(1)
		}
	case at.IsZero() || at.After(now):
		at = now
	}
	return incident.Alert{
		Key: p.key(), Rule: Rule, Kind: incident.KindState, Firing: !resolved, Severity: p.severity(),
		Labels: p.kept(), Summary: p.summary(), At: at.UTC(),
	}
}

// key is a hash of all labels: names and values may be long, and are anybody's.
func (p *posted) key() string {
	const hashed = 16 // bytes: nobody finds two sets of labels with the same
	var buffer [512]byte
	text := buffer[:0]
	for _, l := range p.labels {
		text = binary.AppendUvarint(text, uint64(len(l.name)))
		text = append(text, l.name...)
		text = binary.AppendUvarint(text, uint64(len(l.value)))
		text = append(text, l.value...)
	}
	sum := sha256.Sum256(text)
	return Rule + "|" + hex.EncodeToString(sum[:hashed])
}

// severity is by the label, in the words that alerting rules commonly use. What is not known, or not said, wakes people:
// better than nobody hearing of it.
func (p *posted) severity() incident.Severity {
	switch strings.ToLower(valueOf(p.labels, labelSeverity)) {
	case "warning", "warn", "ticket", "minor", "low":
		return incident.SeverityTicket
	case "info", "informational", "none", "debug":
		return incident.SeverityInfo
	}
	return incident.SeverityPage
}

// summary is one line that says what is the matter: the alert's name, and what it says of itself.
func (p *posted) summary() string {
	name := valueOf(p.labels, labelName)
	said := ""
	for _, annotation := range [...]string{"summary", "title", "message", "description"} {
		if said = valueOf(p.annotations, annotation); said != "" {
			break
		}
	}
	switch {
	case said == "" && name == "":
		return "alert without a name"
	case said == "":
		return bounded(name, valueMax)
	case name == "" || strings.Contains(said, name):
		return bounded(said, valueMax)
	}
	return bounded(name+": "+said, valueMax)
}

// kept is the labels within their bounds. Their texts are cut from one, which costs less than many small ones: an open
// incident keeps them for as long as it is open.
func (p *posted) kept() map[string]string {
	var buffer [512]byte
	joined := buffer[:0]
	for _, l := range p.labels {
		joined = append(append(joined, l.name...), l.value...)
	}
	text := string(joined)
	labels := make(map[string]string, len(p.labels))
	for _, l := range p.labels {
		name, value := text[:len(l.name)], text[len(l.name):len(l.name)+len(l.value)]
		text = text[len(name)+len(value):]
		labels[bounded(name, nameMax)] = bounded(value, valueMax)
	}
	return labels
}

func valueOf(list []pair, name string) string {
	for _, l := range list {
		if string(l.name) == name {
			return string(l.value)
		}
	}
	return ""
}

func sortPairs(list []pair) {
	slices.SortFunc(list, func(a, b pair) int { return bytes.Compare(a.name, b.name) })
}
