// Package lint finds what is allowed in a rotation file and still not meant: gaps, changes without effect, people who
// cannot be reached. The command nezuban-oncall check prints what it finds.
//
// It judges only files that package schedule has accepted. It never reads a clock or a disk.
package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// Finding is one thing to mend, or to look at.
type Finding struct {
	Line  int  // in the rotation file; 0 when no line is to blame
	Error bool // to mend before the file is merged; else a warning
	Kind  Kind
	Text  string // what is found, and what to do about it
}

// Kind names what a finding is about, for scripts. The names stay.
type Kind string

// The kinds of finding.
const (
	KindRoute         Kind = "route"          // error: an incident that no route takes, or a route that none reaches
	KindNoEffect      Kind = "no-effect"      // error: a change that changes nothing; a warning for somebody added who is on call already
	KindDoubled       Kind = "doubled"        // error: two changes of one person's time
	KindChained       Kind = "chained"        // error: a cover of somebody who covers
	KindSkipped       Kind = "skipped"        // error: a from over which the clock jumps
	KindPartly        Kind = "partly"         // a change that changes only some of its time
	KindMerged        Kind = "merged"         // a change that puts somebody on call who is on call beside the other already
	KindUnjudged      Kind = "unjudged"       // more changes than can be judged
	KindAbsent        Kind = "absent"         // a change that puts somebody on call who is off then
	KindFewer         Kind = "fewer"          // a turn of several people that an off makes smaller
	KindGap           Kind = "gap"            // nobody is on call
	KindNever         Kind = "never"          // somebody in a ring who never has a turn
	KindWeekday       Kind = "weekday"        // a layer that hands off on another weekday than before
	KindSplitNight    Kind = "split-night"    // a handoff in the middle of a night
	KindHours         Kind = "hours"          // hours that do not divide a day
	KindLostWindow    Kind = "lost-window"    // a window over which the clock jumps
	KindCollision     Kind = "collision"      // somebody is on call where never_with says that they must not be
	KindReach         Kind = "reach"          // somebody who is counted on and cannot be reached as they should be
	KindNeverSent     Kind = "never-sent"     // hold and quiet hours that leave no time for a ticket
	KindAway          Kind = "away"           // on call on a day off
	KindCalendar      Kind = "calendar"       // a calendar of days off that cannot be read
	KindNightsRunning Kind = "nights-running" // more nights in a row than the limit
	KindNightShare    Kind = "night-share"    // more of all nights than the limit
	KindRest          Kind = "rest"           // less rest than the limit
	KindPast          Kind = "past-altered"   // error, of package guard: who was on call is altered
	KindLate          Kind = "late-change"    // error, of package guard: a change within the notice, without consent
)

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{
		KindRoute, KindNoEffect, KindDoubled, KindChained, KindSkipped, KindPartly, KindMerged, KindUnjudged, KindAbsent, KindFewer, KindGap, KindNever, KindWeekday, KindSplitNight,
		KindHours, KindLostWindow, KindCollision, KindReach, KindNeverSent, KindAway, KindCalendar, KindNightsRunning, KindNightShare, KindRest,
		KindPast, KindLate,
	}
}

// ahead is how far lint looks: a year, so that both daylight saving changes are in it.
const ahead = 52 * 7 * 24 * time.Hour

// Run lints a file. What lies in time it looks for from now on, 52 weeks ahead; away are the days off of people, by name.
// Findings come in the order of their lines.
func Run(f *schedule.File, now time.Time, away map[string][]schedule.Day) []Finding {
	found := slices.Concat(
		routes(f), changes(f, now), doubled(f), lines(f), nights(f, now), lost(f, now), gaps(f, now), idle(f, now),
		apart(f, now), channels(f), neverSent(f, now), limits(f, now), daysOff(f, now, away),
	)
	Sort(found)
	return found
}

// Sort puts findings in the order of their lines.
func Sort(found []Finding) {
	slices.SortStableFunc(found, func(a, b Finding) int { return a.Line - b.Line })
}

// warn and fail make findings.
func warn(line int, kind Kind, format string, args ...any) Finding {
	return Finding{Line: line, Kind: kind, Text: fmt.Sprintf(format, args...)}
}

func fail(line int, kind Kind, format string, args ...any) Finding {
	return Finding{Line: line, Error: true, Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// minute is how times are shown.
const minute = "2006-01-02 15:04 MST"

// times says how often: once, or so many times.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// hours shows a length of time without parts that are zero.
func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	if d < time.Hour {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
}

// span is a half-open time.
type span struct{ from, to time.Time }

func (s span) show(zone *time.Location) string {
	return fmt.Sprintf("%s until %s", s.from.In(zone).Format(minute), s.to.In(zone).Format(minute))
}

// spans shows the first of some times, and how many follow.
func spans(list []span, zone *time.Location) string {
	const shown = 3
	parts := make([]string, 0, shown+1)
	for _, s := range list[:min(len(list), shown)] {
		parts = append(parts, "from "+s.show(zone))
	}
	if more := len(list) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}
