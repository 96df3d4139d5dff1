package app

import (
	"slices"
	"time"

	"nezuban/agent/internal/docker"
)

// firstLooks is how long after its start a container is sampled besides the ticks: many end before the first of those.
var firstLooks = [...]time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second}

// agenda is the looks that are to come, the next one first. The zero value has none.
type agenda struct{ looks []look }

// look is one sample of one life.
type look struct {
	at time.Time
	docker.Life
}

// begins adds the first looks at a life that are not over by now.
func (a *agenda) begins(life docker.Life, now time.Time) {
	for _, after := range firstLooks {
		l := look{life.Started.Add(after), life}
		if !l.at.After(now) {
			continue
		}
		i, _ := slices.BinarySearchFunc(a.looks, l, func(x, y look) int { return x.at.Compare(y.at) })
		a.looks = slices.Insert(a.looks, i, l)
	}
}

// next is the earlier of the next look and another time.
func (a *agenda) next(other time.Time) time.Time {
	if len(a.looks) > 0 && a.looks[0].at.Before(other) {
		return a.looks[0].at
	}
	return other
}

// due takes out what is to be looked at by now.
func (a *agenda) due(now time.Time) []look {
	n := 0
	for n < len(a.looks) && !a.looks[n].at.After(now) {
		n++
	}
	due := slices.Clone(a.looks[:n])
	a.looks = slices.Delete(a.looks, 0, n)
	return due
}
