package schedule

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// window is one opening of each week on the local clock.
type window struct {
	start  local // since Monday 00:00, less than a week
	length local // at least a minute, at most a week
}

const (
	minutesPerWeek = 7 * minutesPerDay

	// maxWindows bounds the texts of one `when`.
	maxWindows = 50
)

var errWindow = errors.New(`windows such as "Mon-Fri 09:00-17:00", "22:00-06:00" or "Fri 18:00-Mon 08:00"`)

// weekdays are the names of the days, Monday first.
func weekdays() []string { return []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} }

// everyDay is the window 00:00-24:00 of each day.
func everyDay() []window { return openings(allDays(), 0, minutesPerDay) }

func allDays() []int { return []int{0, 1, 2, 3, 4, 5, 6} }

// openings is one window for each of some days.
func openings(days []int, start, length local) []window {
	open := make([]window, 0, len(days))
	for _, day := range days {
		open = append(open, window{start: local(day)*minutesPerDay + start, length: length})
	}
	return open
}

// parseWindow reads "[days ]HH:MM-HH:MM" or "Day HH:MM-Day HH:MM", in ascending order of the week. An end that is not
// after its start is on the next day, or in the next week. Its error is worded as what was expected.
func parseWindow(text string) ([]window, error) {
	words := strings.Split(text, " ")
	switch len(words) {
	case 1:
		return parseDaily(allDays(), words[0])
	case 2:
		days, err := parseDays(words[0])
		if err != nil {
			return nil, err
		}
		return parseDaily(days, words[1])
	case 3:
		return parseSpan(words[0], words[1], words[2])
	}
	return nil, errWindow
}

// parseDaily reads "HH:MM-HH:MM", which opens on each of the days.
func parseDaily(days []int, text string) ([]window, error) {
	from, to, ok := strings.Cut(text, "-")
	start, err := parseTimeOfDay(from, false)
	end, err2 := parseTimeOfDay(to, true)
	if !ok || err != nil || err2 != nil {
		return nil, errWindow
	}
	if end <= start {
		end += minutesPerDay
	}
	return openings(days, start, end-start), nil
}

// parseSpan reads the three words of "Fri 18:00-Mon 08:00".
func parseSpan(firstDay, middle, last string) ([]window, error) {
	from, lastDay, _ := strings.Cut(middle, "-")
	start, err := parseTimeOfDay(from, false)
	end, err2 := parseTimeOfDay(last, true)
	opens, closes := slices.Index(weekdays(), firstDay), slices.Index(weekdays(), lastDay)
	if err != nil || err2 != nil || opens < 0 || closes < 0 {
		return nil, errWindow
	}
	start += local(opens) * minutesPerDay
	end += local(closes) * minutesPerDay
	if end <= start {
		end += minutesPerWeek
	}
	return []window{{start: start, length: min(end-start, minutesPerWeek)}}, nil
}

// parseDays reads a list such as "Mon-Wed,Sat"; a range may run over the end of the week.
func parseDays(text string) ([]int, error) {
	var days []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(weekdays(), first), slices.Index(weekdays(), last)
		if from < 0 || to < 0 {
			return nil, errWindow
		}
		for day := from; ; day = (day + 1) % 7 {
			days = append(days, day)
			if day == to {
				break
			}
		}
	}
	slices.Sort(days)
	return slices.Compact(days), nil
}

// parseTimeOfDay reads "HH:MM" in minutes; 24:00 only where it is an end.
func parseTimeOfDay(text string, end bool) (local, error) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, err := strconv.ParseUint(hours, 10, 8)
	m, err2 := strconv.ParseUint(minutes, 10, 8)
	at := local(h*60 + m)
	switch {
	case !ok || err != nil || err2 != nil || len(hours) != 2 || len(minutes) != 2 || m > 59,
		at > minutesPerDay, at == minutesPerDay && !end:
		return 0, errWindow
	}
	return at, nil
}

// sorted orders windows by their start, each once.
func sorted(list []window) []window {
	slices.SortFunc(list, func(a, b window) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.length, b.length))
	})
	return slices.Compact(list)
}
