package lint

import (
	"time"

	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// limits finds what is more than the team has allowed itself.
func limits(f *schedule.File, now time.Time) []Finding {
	limits := f.Limits()
	if limits.NightsRunning == 0 && limits.NightShare == 0 && limits.Rest == 0 {
		return nil
	}
	served := report.Served(f, f.Schedules(), now, now.Add(ahead))
	nights := map[string][]report.Span{}
	total := 0
	for _, p := range f.People() {
		nights[p.Name] = report.Nights(served[p.Name], p.Zone)
		total += len(nights[p.Name])
	}
	var found []Finding
	for _, p := range f.People() {
		run := longestRun(nights[p.Name])
		if limits.NightsRunning > 0 && len(run) > limits.NightsRunning {
			found = append(found, warn(p.Line, KindNightsRunning, "%s has %d nights running, from %s on: the limit is %d (line %d)",
				p.Name, len(run), run[0].From.In(p.Zone).Format(minute), limits.NightsRunning, limits.Line))
		}
		if share := len(nights[p.Name]) * 100; limits.NightShare > 0 && share > limits.NightShare*total {
			found = append(found, warn(p.Line, KindNightShare, "%s has %d of all %d nights of the next 52 weeks, %.1f %%: the limit is %d %% (line %d)",
				p.Name, len(nights[p.Name]), total, float64(share)/float64(total), limits.NightShare, limits.Line))
		}
		if short := shortRests(served[p.Name], limits.Rest); len(short) > 0 {
			found = append(found, warn(p.Line, KindRest, "%s has less than %s of rest %s in the next 52 weeks, %s: see the limit in line %d",
				p.Name, hours(limits.Rest), times(len(short)), spans(short, p.Zone), limits.Line))
		}
	}
	return found
}

// longestRun is the first of the longest runs of nights that follow each other.
func longestRun(nights []report.Span) []report.Span {
	// From the end of a night to the next one's beginning it is a day, less a night, and an hour if the clock changes.
	const day = 16 * time.Hour
	var longest, run []report.Span
	for i, n := range nights {
		if i > 0 && n.From.Sub(nights[i-1].To) > day {
			run = nil
		}
		if run = append(run, n); len(run) > len(longest) {
			longest = run
		}
	}
	return longest
}

// shortRests are the times between two times on call that are shorter than a limit.
func shortRests(served []report.Span, limit time.Duration) []span {
	var short []span
	for i := 1; i < len(served); i++ {
		if rest := (span{served[i-1].To, served[i].From}); rest.to.Sub(rest.from) < limit {
			short = append(short, rest)
		}
	}
	return short
}
