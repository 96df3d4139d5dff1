package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// StormWindow is the time over which messages that call somebody are counted.
const StormWindow = time.Minute

// Merge keeps a storm from flooding a channel. caps is, by channel, how many messages that call somebody may go out within
// [StormWindow]; a channel without one has no bound. Those beyond it do not queue: of each person's the first one speaks for
// the others, which are merged into it, and it goes out at once; the next such message to the person goes out no sooner than
// StormWindow after that. Pages are merged with pages alone, as a message of a ticket wakes nobody, and go before tickets. A
// person is paged for what was merged when the message that it was merged into has arrived; while that one fails, it is as if
// they failed.
//
// It is called before [Book.Due], as often.
func (b *Book) Merge(env Env, caps map[string]int) Change {
	var d *draft
	due, _ := b.DueWithin(env.Now, func(channel string) int {
		if b.mayFlood(channel, caps[channel]) {
			return -1
		}
		return 0
	})
	for _, channel := range channelsOf(due) {
		most := caps[channel]
		if most <= 0 {
			continue
		}
		var calls []Row
		for _, row := range due {
			if row.Channel == channel && b.calls(row) && row.Attempt == 0 && !row.Summary {
				calls = append(calls, row)
			}
		}
		free := max(most-b.called(channel, env.Now), 0)
		if len(calls) <= free {
			continue
		}
		if d == nil {
			d = b.draft(env)
		}
		d.merge(calls[free:], fmt.Sprintf("more than %d pages a minute by %s", most, channel))
	}
	if d == nil {
		return Change{}
	}
	return d.change()
}

// mayFlood says, at no cost, that so many messages wait that a bound might be passed.
func (b *Book) mayFlood(channel string, most int) bool {
	line := b.lines[channel]
	return most > 0 && line != nil && len(line.waiting)+len(b.begun[channel]) > most
}

// Floods says that a row is beyond the bound of its channel: it came after the last Merge, and waits for the next one.
func (b *Book) Floods(row Row, caps map[string]int, now time.Time) bool {
	most := caps[row.Channel]
	return most > 0 && row.Attempt == 0 && !row.Summary && len(b.begun[row.Channel]) >= most && b.calls(row) && b.called(row.Channel, now) >= most
}

func channelsOf(rows []Row) []string {
	var all []string
	for _, row := range rows {
		all = append(all, row.Channel)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// calls says that a row is a message that calls somebody: a trigger, but on PagerDuty only one that makes an incident there.
func (b *Book) calls(row Row) bool {
	if row.Kind != MessageTrigger {
		return false
	}
	return row.Channel != ChannelPagerDuty || !slices.ContainsFunc(b.rows[row.Incident], func(other Row) bool {
		return other.Seq != row.Seq && other.Kind == MessageTrigger && other.Channel == row.Channel && other.mayHaveArrived()
	})
}

// called is how many such messages were begun on a channel within the window that ends now.
func (b *Book) called(channel string, now time.Time) (n int) {
	for _, at := range b.begun[channel] {
		if now.Sub(at) < StormWindow {
			n++
		}
	}
	return n
}

// count keeps what called needs: it looks at a row before the book takes it over. held is the row as the book has it, or
// the zero Row.
func (b *Book) count(held, row Row) {
	if row.Summary {
		who, at := row.voice(b.wakes(row)), row.FirstTry
		if at.IsZero() {
			at = row.NotBefore
		}
		last, ok := b.speaking[who]
		if !ok || last.row == row.Key() || b.silent(last.row) || (at.After(last.at) && !row.unsent()) {
			b.speaking[who] = speaker{row.Key(), at}
		}
	}
	if !held.FirstTry.IsZero() && !row.FirstTry.Equal(held.FirstTry) { // by Recover: the clock was ahead
		if at := slices.IndexFunc(b.begun[row.Channel], held.FirstTry.Equal); at >= 0 {
			b.begun[row.Channel][at] = row.FirstTry
		}
	}
	if row.FirstTry.IsZero() || !held.FirstTry.IsZero() || !b.calls(row) {
		return
	}
	recent := append(b.begun[row.Channel], row.FirstTry)
	for row.FirstTry.Sub(recent[0]) >= StormWindow { // they come in their order, but for those of a restart
		recent = recent[1:]
	}
	b.begun[row.Channel] = recent
}

// silent says that a row is over, and was never tried; so is one that is not known any more.
func (b *Book) silent(key RowKey) bool {
	at, known := seek(b.rows[key.Incident], key.Seq)
	return !known || b.rows[key.Incident][at].unsent()
}

// unsent says that a row is over, and was never tried.
func (r Row) unsent() bool { return r.Attempt == 0 && r.Status != RowPending }

// voice is what one message may speak for: what goes by one channel to the same people, all of it pages or none.
func (r Row) voice(wakes bool) string {
	return fmt.Sprintf("%s|%s|%t", r.Channel, strings.Join(r.People, ","), wakes)
}

// wakes says that a row is of an incident that may wake people.
func (b *Book) wakes(row Row) bool { return !b.incidents[row.Incident].Severity.calm() }

// calm says that nothing of this severity wakes anybody.
func (s Severity) calm() bool { return s == SeverityTicket || s == SeverityInfo }

// pagesFirst puts what may wake people before the rest, and keeps the order otherwise.
func (b *Book) pagesFirst(rows []Row) []Row {
	var pages, rest []Row
	for _, row := range rows {
		if b.wakes(row) {
			pages = append(pages, row)
		} else {
			rest = append(rest, row)
		}
	}
	return append(pages, rest...)
}

// speaker is the last message of a voice that spoke for others, and when it went out, or may.
type speaker struct {
	row RowKey
	at  time.Time
}

// merge makes of each person's pages one message, and of their tickets one.
func (d *draft) merge(rows []Row, why string) {
	byVoice := map[string][]Row{}
	for _, row := range rows {
		voice := row.voice(d.book.wakes(row))
		byVoice[voice] = append(byVoice[voice], row)
	}
	for _, row := range rows { // in their order
		voice := row.voice(d.book.wakes(row))
		if len(byVoice[voice]) == 0 {
			continue
		}
		d.mergeOf(voice, byVoice[voice], why)
		delete(byVoice, voice)
	}
}

// mergeOf merges some rows of the same voice into its message that waits already, or into the one of the oldest
// incident: what belongs to that is stored first, so that no crash leaves rows that were merged into nothing.
func (d *draft) mergeOf(voice string, rows []Row, why string) {
	last, spoken := d.book.speaking[voice]
	host, known := d.row(last.row)
	if !spoken || !known || host.Status != RowPending || host.Attempt > 0 {
		next := last.at // of a message that is not sent after all this one takes the place
		if spoken && known && host.Attempt > 0 {
			next = next.Add(StormWindow)
		}
		rows = slices.SortedFunc(slices.Values(rows), func(a, b Row) int { return cmp.Compare(a.Incident, b.Incident) })
		host, rows = rows[0], rows[1:]
		host.Summary = true
		if next.After(d.env.Now) {
			host.NotBefore = earlier(next, d.env.Now.Add(StormWindow)) // the clock may have been ahead
		}
		d.putRow(host)
		inc, _ := d.incident(host.Incident)
		d.note(&inc, "%s: page %s speaks for what else there is for %s", why, host.PageID(), strings.Join(host.People, ", "))
	}
	for _, row := range rows {
		inc, _ := d.incident(row.Incident)
		row.Status, row.Into, row.Reason = RowMerged, host.PageID(), why
		d.putRow(row)
		d.note(&inc, "merged %s into page %s: %s", row.describe(), host.PageID(), why)
	}
}

// merged lists the rows that were merged into a message, as the draft sees them.
func (d *draft) merged(into Row) []Row {
	if !into.Summary {
		return nil
	}
	var all []Row
	for _, key := range d.book.into[into.PageID()] {
		if row, ok := d.row(key); ok && row.Status == RowMerged && row.Into == into.PageID() {
			all = append(all, row)
		}
	}
	return all
}

// Merged lists the incidents that a message speaks for besides its own and that nobody has, in order.
func (b *Book) Merged(into Row) []Incident {
	var all []Incident
	for _, row := range b.draft(Env{}).merged(into) {
		if inc, ok := b.incidents[row.Incident]; ok && inc.ID != into.Incident && inc.State == Triggered && !slices.ContainsFunc(all, func(i Incident) bool { return i.ID == inc.ID }) {
			all = append(all, inc)
		}
	}
	slices.SortFunc(all, func(x, y Incident) int { return cmp.Compare(x.ID, y.ID) })
	return all
}

// failMerged lets what was merged into a message share its fate: it has failed, or does not get through.
func (d *draft) failMerged(host Row) {
	for _, row := range d.merged(host) {
		inc, open := d.incident(row.Incident)
		if !open || inc.State != Triggered {
			continue
		}
		if host.Status == RowFailed {
			row.Status, row.Reason = RowFailed, "page "+host.PageID()+", into which it was merged, has failed"
			d.putRow(row)
			d.note(&inc, "failed %s: %s", row.describe(), row.Reason)
		}
		d.nextChannel(&inc, row)
	}
}

// parted takes back what was merged into a message that is not sent: it waits again, unless it is about the same incident, of
// which that says all.
func (d *draft) parted(host Row) {
	for _, row := range d.merged(host) {
		inc, open := d.incident(row.Incident)
		row.Status, row.Into, row.Reason, row.NotBefore = RowPending, "", "", d.env.Now
		if !open || row.Incident == host.Incident || !inc.wants(MessageTrigger) {
			row.Status, row.Reason = RowCancelled, "page "+host.PageID()+", into which it was merged, is not sent"
		}
		d.putRow(row)
		if row.Status == RowPending {
			d.note(&inc, "page %s is not sent: %s waits again", host.PageID(), row.describe())
		}
	}
}

// split takes back what was merged into a message, of other incidents, and calls for somebody still: it waits again.
func (d *draft) split(host Row, why string) {
	taken := map[string]bool{}
	for _, row := range d.merged(host) {
		inc, open := d.incident(row.Incident)
		there := func(holder Row) bool { return holder.sharesLine(row) }
		if !open || row.Incident == host.Incident || !inc.wants(MessageTrigger) || slices.ContainsFunc(d.holders(inc.ID), there) {
			continue
		}
		row.Status, row.Into, row.Reason, row.NotBefore = RowPending, "", "", d.env.Now
		d.putRow(row)
		d.note(&inc, "page %s was %s, which says nothing of this incident: %s waits again", host.PageID(), why, row.describe())
		taken[inc.ID] = true
	}
	if len(taken) > 0 {
		host.Others = max(host.Others-len(taken), 0)
		d.putRow(host)
	}
}

// mend takes back, at the start, what was merged into a message of which the store does not know that it speaks for others:
// the router died between the two.
func (d *draft) mend(row Row) {
	key, ok := ParsePageID(row.Into)
	if row.Status != RowMerged || !ok {
		return
	}
	if host, known := d.row(key); !known || host.Summary {
		return // an incident that is closed was told, or has cancelled what it did not tell
	}
	inc, _ := d.incident(row.Incident)
	row.Status, row.Into, row.Reason, row.NotBefore = RowPending, "", "", d.env.Now
	d.putRow(row)
	d.note(&inc, "the router was restarted while %s was being merged: it waits again", row.describe())
}
