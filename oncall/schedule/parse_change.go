package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (p *parser) changes(raw []rawChange) {
	for i, r := range raw {
		kinds := r.kinds()
		if len(kinds) != 1 {
			p.refuse(text(strings.Join(kinds, ", ")), "exactly one of cover, add, off, swap", "change", i)
		}
		if r.Cover != nil {
			p.cover(*r.Cover, i)
		}
		if r.Add != nil {
			p.add(*r.Add, i)
		}
		if r.Off != nil {
			p.off(*r.Off, i)
		}
	}
	for i, r := range raw {
		if r.Swap != nil {
			p.swap(*r.Swap, i)
		}
	}
	p.doubled()
	p.out.changes.apply(p.out.schedules)
}

// kinds are the changes that one entry makes; it should be one.
func (r rawChange) kinds() []string {
	var kinds []string
	for kind, present := range map[string]bool{ChangeCover: r.Cover != nil, ChangeAdd: r.Add != nil, ChangeOff: r.Off != nil, ChangeSwap: r.Swap != nil} {
		if present {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// cover reads one change of that kind.
func (p *parser) cover(r rawCover, i int) {
	mistakes := len(p.problems)
	at := func(key string) []any { return []any{"change", i, ChangeCover, key} }
	p.onSchedule(r.On, at("on"))
	if r.By != Nobody && !p.isPerson(r.By) {
		p.refuse(text(r.By), fmt.Sprintf("a person of [people], or %q%s", Nobody, p.suggestPerson(r.By)), at("by")...)
	}
	p.onePerson(r.For, at("for"))
	from, to := p.time(r.From, r.To, r.Zone, at)
	if len(p.problems) > mistakes {
		return
	}
	c := Cover{On: r.On, By: r.By, For: r.For, From: from, To: to, Line: p.source.Line("change", i, ChangeCover)}
	p.out.changes.covers = append(p.out.changes.covers, c)
	p.spans = append(p.spans, span{cover: c, change: i})
}

// add reads one change of that kind.
func (p *parser) add(r rawAdd, i int) {
	at := func(key string) []any { return []any{"change", i, ChangeAdd, key} }
	p.onSchedule(r.On, at("on"))
	p.onePerson(r.Who, at("who"))
	from, to := p.time(r.From, r.To, r.Zone, at)
	p.out.changes.adds = append(p.out.changes.adds, Add{On: r.On, Who: r.Who, From: from, To: to, Line: p.source.Line("change", i, ChangeAdd)})
}

// off reads one change of that kind.
func (p *parser) off(r rawOff, i int) {
	at := func(key string) []any { return []any{"change", i, ChangeOff, key} }
	p.onePerson(r.Who, at("who"))
	from, to := p.time(r.From, r.To, r.Zone, at)
	p.out.changes.offs = append(p.out.changes.offs, Off{Who: r.Who, From: from, To: to, Line: p.source.Line("change", i, ChangeOff)})
}

func (p *parser) onSchedule(name string, path []any) {
	if !p.out.HasSchedule(name) {
		p.refuse(text(name), "one of the schedules: "+strings.Join(p.out.Schedules(), ", ")+p.suggest(name, p.out.Schedules()), path...)
	}
}

func (p *parser) onePerson(name string, path []any) {
	if !p.isPerson(name) {
		p.refuse(text(name), "a person of [people]"+p.suggestPerson(name), path...)
	}
}

// time reads when a change holds, in its own zone or the file's.
func (p *parser) time(rawFrom, rawTo any, rawZone string, at func(key string) []any) (from, to time.Time) {
	zone := p.zone(rawZone, at("zone")...)
	begin, beginOK := p.day(rawFrom, false, at("from"))
	end, endOK := p.day(rawTo, true, at("to"))
	if !beginOK || !endOK {
		return time.Time{}, time.Time{}
	}
	from, to = begin.first(zone), end.last(zone)
	switch {
	case end <= begin:
		p.refuse(asWritten(rawTo), fmt.Sprintf("a time after %q, %s", "from", begin), at("to")...)
	case !from.Before(to):
		p.refuse(asWritten(rawTo), fmt.Sprintf("a later time: the clock of %s jumps from %s over all between", zone, begin), at("to")...)
	}
	return from, to
}

// text is nil for a key that is not there, so that a message says "nothing".
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// span is a cover with its place in the file.
type span struct {
	cover  Cover
	change int
}

// doubled refuses two covers of one person on one schedule at one time: neither may silently win.
func (p *parser) doubled() {
	slices.SortStableFunc(p.spans, func(a, b span) int {
		if c := strings.Compare(a.cover.On+"\n"+a.cover.For, b.cover.On+"\n"+b.cover.For); c != 0 {
			return c
		}
		return a.cover.From.Compare(b.cover.From)
	})
	var longest span // of those of the same person and schedule so far, the one that ends last
	for _, s := range p.spans {
		same := longest.cover.On == s.cover.On && longest.cover.For == s.cover.For
		if same && s.cover.From.Before(longest.cover.To) {
			p.refuseDoubled(longest, s)
		}
		if !same || s.cover.To.After(longest.cover.To) {
			longest = s
		}
	}
}

// refuseDoubled names two covers at the one that stands later in the file.
func (p *parser) refuseDoubled(a, b span) {
	if a.change > b.change {
		a, b = b, a
	}
	expected := fmt.Sprintf("no second cover of %s on %s: line %d covers them from %s to %s",
		a.cover.For, a.cover.On, a.cover.Line, a.cover.From.Format(clockForm), a.cover.To.Format(clockForm))
	problem := p.source.Problem(nil, expected, "change", b.change, "cover")
	problem.Found = fmt.Sprintf("a cover from %s to %s", b.cover.From.Format(clockForm), b.cover.To.Format(clockForm))
	p.problems = append(p.problems, problem)
}
