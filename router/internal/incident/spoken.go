package incident

import (
	"fmt"
	"slices"
	"strings"
)

// A message that speaks for others is taken back by one message too: when its own incident and all that it spoke for are
// over. Who has read "12 incidents" would take the end of the first of them for the end of all, and PagerDuty, which holds one
// incident for them, would close it. So the news waits, and the incident of the message is kept until it is told. It follows from
// what is stored anyway, and is looked for in each tick: no crash loses it.

// unsaid lists, of a resolved incident, the messages that spoke for others and whose receivers have not been told since
// that it is over: those that may be told now, and those that are to wait, because something they spoke for is open. One that
// nobody got counts where somebody was told before it: they may have been put off on its account.
func (d *draft) unsaid(id string) (ready, waiting []Row) {
	var lost []Row
	for _, row := range d.rowsOf(id) {
		switch {
		case row.tellsEnd():
			there := func(spoke Row) bool { return spoke.sharesLine(row) }
			ready, waiting, lost = slices.DeleteFunc(ready, there), slices.DeleteFunc(waiting, there), slices.DeleteFunc(lost, there)
		case row.Kind != MessageTrigger || row.Others == 0:
		case !row.mayHaveArrived():
			if row.Status == RowFailed {
				lost = append(lost, row)
			}
		case row.speaks() && len(d.book.awaited[row.PageID()]) > 0:
			waiting = append(waiting, row)
		default:
			ready = append(ready, row)
		}
	}
	if len(lost) > 0 {
		held := d.holders(id)
		ready = append(ready, slices.DeleteFunc(lost, func(row Row) bool { return !slices.ContainsFunc(held, row.sharesLine) })...)
	}
	return slices.DeleteFunc(ready, func(row Row) bool {
		return slices.ContainsFunc(waiting, func(w Row) bool { return w.sharesLine(row) })
	}), waiting
}

// tellsEnd says that a row is the news that its incident is over, and was not taken back.
func (r Row) tellsEnd() bool {
	return r.Kind == MessageResolve && (r.Status != RowCancelled || r.Held)
}

// speaks says that what a message spoke for was not taken back from it: each has a page of its own then, and an end.
func (r Row) speaks() bool { return r.Status != RowFailed && (r.Status != RowCancelled || r.Held) }

// inLine is those of some messages that went to where a row goes, and for how many other incidents they spoke.
func inLine(spoke []Row, row Row) (there []Row, others int) {
	for _, s := range spoke {
		if !s.sharesLine(row) {
			continue
		}
		there = append(there, s)
		if s.speaks() {
			others += s.Others
		}
	}
	return there, others
}

// tellEnd tells everybody who heard of an incident that it is over, but for those whom a message told of others that are
// open.
func (d *draft) tellEnd(inc *Incident, why string) {
	ready, waiting := d.unsaid(inc.ID)
	for _, row := range d.holders(inc.ID) {
		if there, _ := inLine(waiting, row); len(there) > 0 {
			d.note(inc, "%s by %s is told when all is over that page %s spoke for", strings.Join(row.People, ", "), row.Channel, there[0].PageID())
			continue
		}
		d.sayEnd(inc, row, ready, why)
	}
}

// tellRest tells those who were not told yet that an incident is over, when all that they were told of is. It reports whether
// there was anybody.
func (d *draft) tellRest(inc *Incident) (told bool) {
	ready, _ := d.unsaid(inc.ID)
	for _, row := range d.holders(inc.ID) {
		there, others := inLine(ready, row)
		if len(there) == 0 {
			continue
		}
		why := "all is over that page %s spoke for"
		if others == 0 {
			why = "page %s speaks for this one alone"
		}
		why = fmt.Sprintf(why, there[0].PageID())
		d.note(inc, "%s: telling %s by %s that it is over", why, strings.Join(row.People, ", "), row.Channel)
		d.sayEnd(inc, row, ready, why)
		told = true
	}
	return told
}

// sayEnd sends the news that an incident is over to where a row went, also for what other messages there spoke for.
func (d *draft) sayEnd(inc *Incident, row Row, spoke []Row, why string) {
	end := row.follow(MessageResolve, why, d.env.Now)
	_, end.Others = inLine(spoke, row)
	end.NotBefore = d.calmly(*inc, end, end.NotBefore)
	d.send(inc, end)
}

// await keeps, for each message, which of the rows that were merged into it belong to incidents that are open.
func (b *Book) await(row Row) {
	if row.Into == "" {
		return
	}
	inc, known := b.incidents[row.Incident]
	if known && inc.State != Resolved && row.Status == RowMerged {
		if b.awaited[row.Into] == nil {
			b.awaited[row.Into] = map[RowKey]struct{}{}
		}
		b.awaited[row.Into][row.Key()] = struct{}{}
		return
	}
	delete(b.awaited[row.Into], row.Key())
	if len(b.awaited[row.Into]) == 0 {
		delete(b.awaited, row.Into)
	}
}

// awaitAll does so for an incident, and appoints those that wait for it.
func (b *Book) awaitAll(id string) {
	for _, row := range b.rows[id] {
		b.await(row)
		if host, ok := ParsePageID(row.Into); ok {
			b.appoint(host.Incident)
		}
	}
}
