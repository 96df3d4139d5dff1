package incident

import (
	"slices"
	"time"
)

// Settings say how alerts are brought together. The zero value leaves each by itself.
type Settings struct {
	Groups       []Group       // the first that is for an alert's rule counts
	ReopenWithin time.Duration // an alert that fires again so soon after its incident was resolved opens that one again
	Flapping     Flapping
	Suppressions []Suppression
	Maintenance  []Maintenance
}

// Group brings alerts together that have the same cause: those of some rules that agree in some labels and come within a
// time of the first are one incident.
type Group struct {
	ID     string        // for timelines
	Rules  []string      // ids of the rules whose alerts it is for
	By     []string      // labels; an alert without one of them stays by itself
	Within time.Duration // from the opening of the incident; 0: every alert stays by itself
}

// group is what an alert is brought together by, and for how long; "" when it stays by itself.
func (s Settings) group(a Alert) (name string, within time.Duration) {
	for _, g := range s.Groups {
		if !slices.Contains(g.Rules, a.Rule) {
			continue
		}
		if g.Within <= 0 {
			return "", 0
		}
		values := make([]string, len(g.By))
		for i, label := range g.By {
			if values[i] = a.Labels[label]; values[i] == "" {
				return "", 0
			}
		}
		return DedupKey(g.ID, values...), g.Within
	}
	return "", 0
}

// Use puts settings in force. It is called before the book is used, and changes nothing that is stored.
func (b *Book) Use(s Settings) {
	b.settings = s
	for id, inc := range b.incidents {
		b.release(id)
		b.hold(inc)
		b.appoint(id)
	}
}
