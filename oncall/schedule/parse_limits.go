package schedule

import (
	"slices"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
)

const (
	maxNights = 1000
	maxLimit  = 365 * 24 * time.Hour
)

func (p *parser) limits(raw *rawLimits) {
	if raw == nil {
		return
	}
	if raw.NightsRunning < 0 || raw.NightsRunning > maxNights {
		p.refuse(raw.NightsRunning, "a number of nights from 1 to 1000, or 0 for no limit", "limits", "nights_running")
	}
	if raw.NightShare < 0 || raw.NightShare > 100 {
		p.refuse(raw.NightShare, "a part of all nights from 1 to 100 percent, or 0 for no limit", "limits", "night_share")
	}
	p.out.limits = Limits{
		NightsRunning: raw.NightsRunning, NightShare: raw.NightShare,
		Rest: p.limit(raw.Rest, "rest"), Notice: p.limit(raw.Notice, "notice"), Line: p.source.Line("limits"),
	}
}

// limit checks the bounds of a length of time.
func (p *parser) limit(d tomlfile.Duration, key string) time.Duration {
	limit := time.Duration(d)
	if limit < 0 || limit > maxLimit {
		p.refuse(d.String(), `a duration from "0s", which is no limit, to "8760h"`, "limits", key)
	}
	return limit
}

// neverWith reads with which schedules each wants nothing in common. It needs all schedules.
func (p *parser) neverWith(raw map[string]rawSchedule) {
	for _, name := range p.out.Schedules() {
		never := raw[name].NeverWith
		if never == nil {
			continue
		}
		path := []any{"schedule", name, "never_with"}
		others, at := several(never, path)
		if len(others) == 0 {
			p.refuse(never, p.anotherSchedule(name), path...)
		}
		for i, o := range others {
			other, _ := o.(string)
			if other == name || !p.out.HasSchedule(other) {
				p.refuse(asWritten(o), p.anotherSchedule(name)+p.suggest(other, p.others(name)), at(i)...)
				continue
			}
			p.out.apart = append(p.out.apart, Apart{Schedule: name, Other: other, Line: p.source.Line(at(i)...)})
		}
	}
}

// anotherSchedule is what is expected where another schedule than this one must stand.
func (p *parser) anotherSchedule(name string) string {
	others := p.others(name)
	if len(others) == 0 {
		return "another schedule, of which there are none"
	}
	return "another schedule: " + strings.Join(others, ", ")
}

// others are the schedules but one.
func (p *parser) others(name string) []string {
	return slices.DeleteFunc(p.out.Schedules(), func(other string) bool { return other == name })
}
