package incident

import (
	"fmt"
	"time"
)

// RuleManual is the rule id of incidents that a person opens.
const RuleManual = "manual"

// Manual is the alert with which a person opens an incident. The key tells two of them apart: the same one sent again
// changes nothing. Only a person ends it.
func Manual(key, by, summary string, severity Severity, labels map[string]string, at time.Time) (Alert, error) {
	switch {
	case key == "" || len(key) > longestManual:
		return Alert{}, fmt.Errorf("open an incident: %w key: expected 1 to %d bytes", ErrInvalid, longestManual)
	case summary == "":
		return Alert{}, fmt.Errorf("open an incident: %w summary: expected a line that says what is the matter", ErrInvalid)
	case severity.Rank() == 0:
		return Alert{}, fmt.Errorf("open an incident: %w severity %q: expected page, ticket or info", ErrInvalid, severity)
	}
	return Alert{
		Key: DedupKey(RuleManual, key), Rule: RuleManual, Kind: KindOccurrence, Firing: true, Severity: severity,
		Labels: labels, Summary: clip(fmt.Sprintf("%s (opened by %s)", summary, by)), At: at, Event: key,
		Reason: clip(by + " opened it by hand"),
	}, nil
}

// longestManual bounds the key of an incident that a person opens.
const longestManual = 64

// Holding is the id of the unresolved incident that holds a dedup key; false when there is none.
func (b *Book) Holding(key string) (id string, ok bool) {
	id, ok = b.byKey[key]
	return id, ok
}
