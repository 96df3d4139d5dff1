package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// RuleManual is the rule id of incidents that a person opens.
const RuleManual = "manual"

// Manual is the alert with which a person opens an incident. The key tells two of them apart: the same one sent again
// changes nothing, and other words under it are news of the same. Only a person ends it.
func Manual(key, by, summary string, severity Severity, labels map[string]string, at time.Time) (Alert, error) {
	switch {
	case key == "" || len(key) > longestManual:
		return Alert{}, invalidf("key: found %d bytes, expected 1 to %d that no other page has", len(key), longestManual)
	case !strings.ContainsFunc(summary, visible):
		return Alert{}, invalidf("summary: expected a line that says what is the matter")
	case severity.Rank() == 0:
		return Alert{}, invalidf("severity: found %q, expected page, ticket or info", severity)
	}
	if err := checkLabels(labels); err != nil {
		return Alert{}, err
	}
	return Alert{
		Key: DedupKey(RuleManual, key), Rule: RuleManual, Kind: KindOccurrence, Firing: true, Severity: severity,
		Labels: labels, Summary: clip(fmt.Sprintf("%s (opened by %s)", summary, by)), At: at, Event: key,
		Reason: clip(by + " opened it by hand"),
	}, nil
}

// visible says that a character shows, beside white space and what only steers a terminal or a line.
func visible(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) }

// saysLike says that a request of a person is the one that was taken in, sent again.
func (a Alert) saysLike(held Alert) bool {
	return a.Severity == held.Severity && a.Summary == held.Summary && (len(a.Labels) == 0 || maps.Equal(a.Labels, held.Labels))
}

// Bounds of what a person may say of an incident that they open, the last three as for alerts of Prometheus.
const (
	longestManual = 64 // bytes of its key
	mostLabels    = 64
	longestName   = 128 // bytes of a label's name
	longestValue  = 1024
)

func checkLabels(labels map[string]string) error {
	if len(labels) > mostLabels {
		return invalidf("labels: found %d, expected at most %d", len(labels), mostLabels)
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		switch value := labels[name]; {
		case name == "" || len(name) > longestName || clip(name) != name:
			return invalidf("labels: found the name %.100q, expected 1 to %d bytes on one line", name, longestName)
		case len(value) > longestValue:
			return invalidf("labels: found %d bytes of %s, expected at most %d", len(value), name, longestValue)
		}
	}
	return nil
}

// Holding is the id of the unresolved incident that holds a dedup key; false when there is none.
func (b *Book) Holding(key string) (id string, ok bool) {
	id, ok = b.byKey[key]
	return id, ok
}
