package incident

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"time"
)

// Due lists the rows that may be sent now: of each destination the pending row whose time came first, unless another
// one is on its way there. The second result is when to ask again if nothing else happens: the earliest future NotBefore,
// or zero when nothing waits.
func (b *Book) Due(now time.Time) (due []Row, next time.Time) {
	return b.DueWithin(now, func(string) int { return -1 })
}

// DueWithin is Due, with at most as many rows of each channel as free says; below 0 is no bound. What asks somebody to look
// goes before what only tells more, so that no page waits for a hundred messages that it is over; otherwise that comes first
// whose time came first, and of what is listed the pages before the tickets. It costs by what it lists, not by what is open.
func (b *Book) DueWithin(now time.Time, free func(channel string) int) (due []Row, next time.Time) {
	for _, channel := range slices.Sorted(maps.Keys(b.lines)) {
		left := free(channel)
		for _, l := range []*line{b.lines[channel], b.others[channel]} {
			rows, later := l.due(b, now, left)
			due, next = append(due, b.pagesFirst(rows)...), earlier(next, later)
			if left > 0 {
				left -= len(rows)
			}
		}
	}
	return due, next
}

// line is rows of a channel that may be the next of their destination, by their time. It is an index of the book's
// rows alone: an element whose row is not what it was when it came in is dropped when its turn comes.
type line struct {
	waiting []waiting // a heap
	known   map[RowKey]time.Time
}

type waiting struct {
	at  time.Time // the row's NotBefore
	row RowKey
}

// queue takes in the rows of an incident that are next of their destinations.
func (b *Book) queue(id string) {
	for _, row := range b.next(id) {
		l := b.line(row)
		if at, ok := l.known[row.Key()]; !ok || !at.Equal(row.NotBefore) {
			l.known[row.Key()] = row.NotBefore
			heap.Push(l, waiting{row.NotBefore, row.Key()})
		}
	}
}

// line is the one that a row stands in: of each channel there are two, see DueWithin.
func (b *Book) line(row Row) *line {
	if b.lines[row.Channel] == nil {
		b.lines[row.Channel], b.others[row.Channel] = &line{known: map[RowKey]time.Time{}}, &line{known: map[RowKey]time.Time{}}
	}
	if row.Kind == MessageTrigger {
		return b.lines[row.Channel]
	}
	return b.others[row.Channel]
}

// next lists of each destination of an incident the pending row whose time comes first, unless another is on its way there.
func (b *Book) next(id string) []Row {
	var list []Row
	rows := b.rows[id]
	for i, row := range rows {
		if row.Status == RowPending && !overtaken(rows, i) {
			list = append(list, row)
		}
	}
	return list
}

// overtaken says that another row of the same destination goes before a pending one.
func overtaken(rows []Row, i int) bool {
	row := rows[i]
	for j, other := range rows {
		if j == i || other.Done() || !row.sharesLine(other) {
			continue
		}
		if other.Status == RowSending || cmp.Or(other.NotBefore.Compare(row.NotBefore), cmp.Compare(j, i)) < 0 {
			return true
		}
	}
	return false
}

// sharesLine says that two rows of an incident have the same destination.
func (r Row) sharesLine(other Row) bool {
	return r.Channel == other.Channel && (r.Channel == ChannelPagerDuty || slices.Equal(r.People, other.People))
}

// due takes from the line what may be sent now, at most so many, and leaves it there: a row that is begun or cancelled
// drops out by itself.
func (l *line) due(b *Book, now time.Time, most int) (due []Row, next time.Time) {
	var kept []waiting
	for len(l.waiting) > 0 && len(kept) != most {
		first := l.waiting[0]
		if first.at.After(now) {
			next = first.at // it may not be next any more: then the deliverer asks once too often
			break
		}
		heap.Pop(l)
		if n := len(kept); n > 0 && kept[n-1].row == first.row {
			continue // its time went there and back: it is in the line twice
		}
		if row, ok := b.waits(first); ok {
			due, kept = append(due, row), append(kept, first)
		} else if at, known := l.known[first.row]; known && at.Equal(first.at) {
			delete(l.known, first.row)
		}
	}
	for _, w := range kept {
		heap.Push(l, w)
	}
	return due, next
}

// waits is the row of an element of a line, if it still is next.
func (b *Book) waits(w waiting) (Row, bool) {
	rows := b.rows[w.row.Incident]
	i, ok := slices.BinarySearchFunc(rows, w.row.Seq, func(r Row, seq int) int { return cmp.Compare(r.Seq, seq) })
	if !ok || rows[i].Status != RowPending || !rows[i].NotBefore.Equal(w.at) || overtaken(rows, i) {
		return Row{}, false
	}
	return rows[i], true
}

// Len implements [heap.Interface].
func (l *line) Len() int { return len(l.waiting) }

// Less implements [heap.Interface]: of those whose time is the same, the incident that was opened first.
func (l *line) Less(i, j int) bool {
	x, y := l.waiting[i], l.waiting[j]
	return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.row.Incident, y.row.Incident), cmp.Compare(x.row.Seq, y.row.Seq)) < 0
}

// Swap implements [heap.Interface].
func (l *line) Swap(i, j int) { l.waiting[i], l.waiting[j] = l.waiting[j], l.waiting[i] }

// Push implements [heap.Interface].
func (l *line) Push(w any) { l.waiting = append(l.waiting, w.(waiting)) }

// Pop implements [heap.Interface].
func (l *line) Pop() any {
	last := l.waiting[len(l.waiting)-1]
	l.waiting = l.waiting[:len(l.waiting)-1]
	return last
}
