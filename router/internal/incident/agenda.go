package incident

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// agenda says which incidents want something at what time, without looking at those that do not.
type agenda struct {
	list  []appointment  // a heap: nothing is due before what stands above it
	place map[string]int // of each incident in list
}

type appointment struct {
	id  string
	due time.Time
}

func newAgenda() *agenda { return &agenda{place: map[string]int{}} }

// set is when an incident wants something; never false takes it off.
func (a *agenda) set(id string, due time.Time, ever bool) {
	at, known := a.place[id]
	switch {
	case !ever && known:
		heap.Remove(a, at)
	case !ever:
	case known:
		a.list[at].due = due
		heap.Fix(a, at)
	default:
		heap.Push(a, appointment{id, due})
	}
}

// due lists, by id, the incidents whose time has come at now.
func (a *agenda) due(now time.Time) []string {
	var ids []string
	for open := []int{0}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if at < len(a.list) && !a.list[at].due.After(now) {
			ids = append(ids, a.list[at].id)
			open = append(open, 2*at+1, 2*at+2)
		}
	}
	slices.Sort(ids)
	return ids
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// Len is for package heap, and so are the next four.
func (a *agenda) Len() int { return len(a.list) }

// Less orders by time, then by id.
func (a *agenda) Less(i, j int) bool {
	return cmp.Or(a.list[i].due.Compare(a.list[j].due), cmp.Compare(a.list[i].id, a.list[j].id)) < 0
}

// Swap keeps the places true.
func (a *agenda) Swap(i, j int) {
	a.list[i], a.list[j] = a.list[j], a.list[i]
	a.place[a.list[i].id], a.place[a.list[j].id] = i, j
}

// Push appends.
func (a *agenda) Push(x any) {
	one, _ := x.(appointment) // nothing else is ever pushed
	a.place[one.id] = len(a.list)
	a.list = append(a.list, one)
}

// Pop takes off the last one.
func (a *agenda) Pop() any {
	last := a.list[len(a.list)-1]
	a.list = a.list[:len(a.list)-1]
	delete(a.place, last.id)
	return last
}
