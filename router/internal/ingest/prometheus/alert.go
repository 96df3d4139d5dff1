package prometheus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"nezuban/checks/check"
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
// the same labels. A resolve is never as old as its firing. One without startsAt does not say which firing it ends: as in an
// Alertmanager its arrival counts.
func (p *posted) alert(now time.Time) incident.Alert {
	resolved := !p.endsAt.IsZero() && !p.endsAt.After(now)
	at := p.startsAt
	switch {
	case resolved && at.IsZero():
		at = now.Add(1)
	case resolved:
		at = p.endsAt
		if !at.After(p.startsAt) {
			at = p.startsAt.Add(1)
		}
	case at.IsZero() || at.After(now):
		at = now
	}
	summary, said := p.summary()
	return incident.Alert{
		Key: p.key(), Rule: Rule, Kind: incident.KindState, Firing: !resolved, Severity: p.severity(),
		Labels: p.kept(), Summary: summary, At: at.UTC(), Reason: p.reason(said), Runbook: p.runbook(), Source: p.source(),
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

// summary is one line that says what is the matter: the alert's name, and what it says of itself, which is by the
// annotation named in said; "" for none.
func (p *posted) summary() (line, said string) {
	name := valueOf(p.labels, labelName)
	text := ""
	for _, said = range [...]string{"summary", "title", "message", "description", ""} {
		if text = valueOf(p.annotations, said); text != "" {
			break
		}
	}
	switch {
	case text == "" && name == "":
		return "alert without a name", ""
	case text == "":
		return bounded(name, valueMax), ""
	case name == "" || strings.Contains(text, name):
		return bounded(text, valueMax), said
	}
	return bounded(name+": "+text, valueMax), said
}

// reason is what the alert says at greater length, usually with the value: "" when the summary has said it. That labels are
// left out comes before it: a page may cut the end off.
func (p *posted) reason(said string) string {
	text := p.description(said)
	if n := len(p.labels) - labelsMax; n > 0 {
		text = strings.TrimSuffix(fmt.Sprintf("%d of its %d labels are left out; %s", n, len(p.labels), text), "; ")
	}
	return bounded(text, valueMax)
}

func (p *posted) description(said string) string {
	for _, annotation := range [...]string{"description", "message"} {
		if text := valueOf(p.annotations, annotation); text != "" && annotation != said && text != valueOf(p.annotations, said) {
			return text
		}
	}
	return ""
}

// runbook is the address of what to do: "" when the alert has none that could be opened.
func (p *posted) runbook() string {
	for _, annotation := range [...]string{"runbook_url", "runbook"} {
		if address := valueOf(p.annotations, annotation); opens(address) {
			return address
		}
	}
	return ""
}

// source is the address of what the alert comes from: "" when it has none that could be opened.
func (p *posted) source() string {
	if address := string(p.generator); opens(address) {
		return address
	}
	return ""
}

// opens says that an address may stand in a page.
func opens(address string) bool {
	return address != "" && utf8.ValidString(address) && check.ValidRunbook(address)
}

// kept is the labels within their bounds. Their texts are cut from one, which costs less than many small ones: an open
// incident keeps them for as long as it is open.
func (p *posted) kept() map[string]string {
	var buffer [512]byte
	joined := buffer[:0]
	all := p.fewest()
	for _, l := range all {
		joined = append(append(joined, l.name...), l.value...)
	}
	text := string(joined)
	labels := make(map[string]string, len(all))
	for _, l := range all {
		name, value := text[:len(l.name)], text[len(l.name):len(l.name)+len(l.value)]
		text = text[len(name)+len(value):]
		labels[bounded(name, nameMax)] = bounded(value, valueMax)
	}
	return labels
}

// telling are the labels that are kept first of an alert with too many.
var telling = [...]string{labelName, labelSeverity, "instance", "host", "container", "namespace", "pod", "service", "job", "team"}

// fewest is as many of the labels as are kept: a sender does not send again what is refused, and nobody would be paged.
func (p *posted) fewest() []pair {
	if len(p.labels) <= labelsMax {
		return p.labels
	}
	told := func(l pair) bool { return slices.Contains(telling[:], string(l.name)) }
	list := make([]pair, 0, labelsMax)
	for _, l := range p.labels {
		if told(l) {
			list = append(list, l)
		}
	}
	for _, l := range p.labels {
		if len(list) < labelsMax && !told(l) {
			list = append(list, l)
		}
	}
	return list
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
