package schedule

import (
	"fmt"
	"slices"
	"strings"
)

func (p *parser) changes(raw []rawChange) {
	for i, r := range raw {
		p.notBuilt(r.Add, "change", i, "add")
		p.notBuilt(r.Off, "change", i, "off")
		p.notBuilt(r.Swap, "change", i, "swap")
		switch {
		case r.Cover == nil && r.Add == nil && r.Off == nil && r.Swap == nil:
			p.refuse(nil, "exactly one of cover, add, off, swap", "change", i)
		case r.Cover != nil:
			p.cover(*r.Cover, i)
		}
	}
	p.doubled()
	for i := range p.out.schedules {
		p.out.schedules[i].cover(p.out.covers)
	}
}

// cover reads one change of that kind.
func (p *parser) cover(r rawCover, i int) {
	mistakes := len(p.problems)
	at := func(key string) []any { return []any{"change", i, "cover", key} }
	if !p.out.HasSchedule(r.On) {
		p.refuse(text(r.On), "one of the schedules: "+strings.Join(p.out.Schedules(), ", "), at("on")...)
	}
	if r.By != Nobody && !p.isPerson(r.By) {
		p.refuse(text(r.By), fmt.Sprintf("a person of [people], or %q", Nobody), at("by")...)
	}
	if !p.isPerson(r.For) {
		p.refuse(text(r.For), "a person of [people]", at("for")...)
	}
	zone := p.zone(r.Zone, at("zone")...)
	from, fromOK := p.day(r.From, false, at("from"))
	to, toOK := p.day(r.To, true, at("to"))
	if fromOK && toOK && to <= from {
		p.refuse(to.String(), fmt.Sprintf("a time after %q, %s", "from", from), at("to")...)
	}
	if len(p.problems) > mistakes || !fromOK || !toOK {
		return
	}
	c := Cover{On: r.On, By: r.By, For: r.For, From: from.first(zone), To: to.last(zone), Line: p.source.Line("change", i, "cover")}
	p.out.covers = append(p.out.covers, c)
	p.spans = append(p.spans, span{cover: c, change: i})
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
