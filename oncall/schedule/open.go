package schedule

import (
	"slices"
	"sort"
	"time"
)

// windows are when a line is open. The zero value is always open.
//
// A window begins the first time that the clock shows its start and ends the last time that it shows its end: in an
// hour that comes twice, coverage beats tidiness. One that a jump of the clock leaves no time is none. Windows unite.
//
// Holidays keep or drop whole windows, by the day on which the clock would show their start.
type windows struct {
	list    []window
	longest local   // of list
	starts  []local // of list, since Monday 00:00; ascending, each once
	ends    []local // likewise

	except  []local // days, as their 00:00, whose windows do not open; ascending
	only    []local // days whose windows alone open, where that is limited; ascending
	limited bool
}

// monday is a Monday at 00:00.
const monday = 4 * minutesPerDay

// newWindows is for windows in the order of [sorted] and days in ascending order. Without windows each day has one that
// is as long as the day, as far as there are days to drop or to keep; nil keeps all.
func newWindows(list []window, except, only []local) windows {
	if list == nil && (except != nil || only != nil) {
		list = everyDay()
	}
	w := windows{list: list, except: except, limited: only != nil}
	for _, open := range list {
		w.longest = max(w.longest, open.length)
		w.starts = append(w.starts, open.start)
		w.ends = append(w.ends, (open.start+open.length)%minutesPerWeek)
	}
	slices.Sort(w.starts)
	slices.Sort(w.ends)
	w.starts, w.ends = slices.Compact(w.starts), slices.Compact(w.ends)
	for _, day := range only {
		if has(except, day) || !slices.ContainsFunc(list, func(open window) bool { return sinceStart(day+minutesPerDay-1, open.start) < minutesPerDay }) {
			continue // nothing opens on it
		}
		w.only = append(w.only, day)
	}
	return w
}

// dayOf is the 00:00 of a local time.
func dayOf(c local) local { return local(floorDiv(int64(c), minutesPerDay)) * minutesPerDay }

// has looks a day up in a list of days.
func has(days []local, day local) bool {
	_, found := slices.BinarySearch(days, day)
	return found
}

// keeps reports whether windows that start at a local time open.
func (w windows) keeps(start local) bool {
	day := dayOf(start)
	return !has(w.except, day) && (!w.limited || has(w.only, day))
}

// always reports whether there is nothing to look at.
func (w windows) always() bool { return len(w.list) == 0 }

// at reports whether a window is open at t. It looks at those that may be under way, from the latest back.
func (w windows) at(t time.Time, c *clock) bool {
	shown, around := c.shows(t), c.unsettled(t)
	base := shown + around - sinceStart(shown+around, 0)
	i := sort.Search(len(w.list), func(i int) bool { return base+w.list[i].start > shown+around })
	for {
		if i == 0 {
			i, base = len(w.list), base-minutesPerWeek
		}
		i--
		start, end := base+w.list[i].start, base+w.list[i].start+w.list[i].length
		switch {
		case start+w.longest <= shown-around:
			return false
		case end <= shown-around || !w.keeps(start):
		case around == 0 || (!c.first(start).After(t) && c.last(end).After(t)):
			return true
		}
	}
}

// next is the first instant after t at which a window may open or close; zero when there is none.
func (w windows) next(t time.Time, c *clock) time.Time {
	shown := c.shows(t) - c.unsettled(t)
	if w.limited {
		i, _ := slices.BinarySearch(w.only, shown-minutesPerWeek-minutesPerDay) // what starts later may still be open
		if i == len(w.only) {
			return time.Time{}
		}
		shown = max(shown, w.only[i])
	}
	return earlier(following(w.starts, shown, t, c.first), following(w.ends, shown, t, c.last))
}

// following is the instant of the first of some times of the week that is after t. It looks from a local time on; the
// instants must be in the order of the local times.
func following(week []local, from local, t time.Time, instant func(local) time.Time) time.Time {
	base := from - sinceStart(from, 0)
	i, _ := slices.BinarySearch(week, from-base)
	for {
		if i == len(week) {
			i, base = 0, base+minutesPerWeek
		}
		if at := instant(base + week[i]); at.After(t) {
			return at
		}
		i++
	}
}

// sinceStart is how many minutes ago a time of the week last came, 0 to a week less one.
func sinceStart(c, start local) local {
	since := (c - monday - start) % minutesPerWeek
	if since < 0 {
		since += minutesPerWeek
	}
	return since
}
