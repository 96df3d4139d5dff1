package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxDays bounds the days of all lists together.
const maxDays = 2000

// holidays reads the lists of days.
func (p *parser) holidays(raw map[string]any) {
	total := 0
	for _, name := range inFileOrder(p, raw, "holidays") {
		p.checkName(name, "a list of days", "holidays", name)
		items, ok := raw[name].([]any)
		if !ok {
			p.refuse(asWritten(raw[name]), "a list of days, such as [2026-12-25, 2026-12-26]", "holidays", name)
		}
		days := make([]local, 0, len(items))
		list := Holidays{Name: name, Line: p.source.Line("holidays", name)}
		for i, item := range items {
			text, _ := asWritten(item).(string)
			day, err := parseDay(text)
			if err != nil {
				p.refuse(asWritten(item), "a day such as 2026-12-25", "holidays", name, i)
				continue
			}
			days = append(days, day)
			list.Days = append(list.Days, text)
		}
		if total += len(days); total > maxDays {
			p.refuse(total, fmt.Sprintf("at most %d days in all lists", maxDays), "holidays", name)
			days = nil
		}
		p.lists[name] = days
		p.out.holidays = append(p.out.holidays, list)
	}
}

// listed reads the name of a list of days, or several names, and unites the days. A key that is not there names none.
func (p *parser) listed(raw any, path []any) []local {
	if raw == nil {
		return nil
	}
	names, at := several(raw, path)
	if len(names) == 0 {
		p.refuse(raw, p.wantList(), path...)
	}
	days := []local{}
	for i, n := range names {
		name, _ := n.(string)
		list, ok := p.lists[name]
		if !ok {
			p.refuse(asWritten(n), p.wantList()+p.suggest(name, slices.Sorted(maps.Keys(p.lists))), at(i)...)
		}
		if !slices.Contains(names[:i], n) {
			days = append(days, list...)
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

func (p *parser) wantList() string {
	if len(p.lists) == 0 {
		return "a list of [holidays], of which there are none"
	}
	return fmt.Sprintf("a list of [holidays] (%s), or several", strings.Join(slices.Sorted(maps.Keys(p.lists)), ", "))
}
