package schedule

import (
	"fmt"
	"strings"
	"time"
)

// ticketHours reads "ticket 22:00-08:00", or several such texts: hours in which tickets wait.
func (p *parser) ticketHours(raw any, zone *time.Location, path []any) Hours {
	if raw == nil {
		return Hours{}
	}
	items, at := several(raw, path)
	if len(items) == 0 || len(items) > maxWindows {
		p.refuse(raw, fmt.Sprintf(`1 to %d hours such as "ticket 22:00-08:00"`, maxWindows), path...)
		return Hours{}
	}
	mistakes := len(p.problems)
	var texts []string
	var list []window
	for i, item := range items {
		text, _ := item.(string)
		severity, hours, _ := strings.Cut(text, " ")
		open, err := parseWindow(hours)
		switch {
		case severity == "page":
			p.refuse(text, `hours of "ticket": a page is never held`, at(i)...)
		case severity != "ticket" || err != nil:
			p.refuse(asWritten(item), fmt.Sprintf(`"ticket" and %v`, errWindow), at(i)...)
		}
		texts, list = append(texts, hours), append(list, open...)
	}
	if len(p.problems) > mistakes {
		return Hours{}
	}
	if wholeWeek(list) {
		p.refuse(strings.Join(texts, ", "), "hours that leave some of the week out: a ticket would wait for ever", path...)
		return Hours{}
	}
	return newHours(texts, list, p.zones.clock(zone))
}
