package incident

import "slices"

// Begin marks a row as being sent. The attempt may start once the change is durable. It reports false when the row is
// no longer to be sent: it was cancelled meanwhile, or somebody else began it. Older pages that wait for the same destination are
// overtaken by it.
func (b *Book) Begin(env Env, key RowKey) (Change, bool) {
	d := b.draft(env)
	row, ok := d.row(key)
	if !ok || row.Status != RowPending {
		return Change{}, false
	}
	if row.Channel == ChannelPagerDuty && row.Kind == MessageTrigger {
		row.People = d.joining(row)
	}
	if row.Kind == MessageTrigger {
		row.Others = max(row.Others, len(b.Merged(row)))
		if inc, open := d.incident(key.Incident); open && row.Channel != ChannelPagerDuty { // whose rows name more and more people
			row.Repeat = d.supersede(&inc, row, row.Seq) || row.Repeat
		}
	}
	row.Status = RowSending
	row.Attempt++
	row.Began = env.Now
	if row.FirstTry.IsZero() {
		row.FirstTry = env.Now
	}
	d.putRow(row)
	return d.change(), true
}

// Withhold takes back that a row is being sent, before anything has left the router: what it says held when that was decided,
// and holds no more now that it is stored. It reports whether that is so.
func (b *Book) Withhold(env Env, key RowKey) (Change, bool) {
	d := b.draft(env)
	row, ok := d.row(key)
	inc, open := d.incident(key.Incident)
	if !ok || !open || row.Status != RowSending || inc.wants(row.Kind) {
		return Change{}, false
	}
	row.Status = RowPending
	row.Attempt--
	d.cancel(&inc, row, inc.overtook())
	for _, other := range d.rowsOf(inc.ID) { // the news that somebody has it, or that it is over, would be the first that is heard of it
		heard := func(holder Row) bool { return holder.Destination() == other.Destination() }
		if other.Status == RowPending && other.Kind != MessageTrigger && other.Destination() == row.Destination() && !slices.ContainsFunc(d.holders(inc.ID), heard) {
			d.cancel(&inc, other, "page "+row.PageID()+" was not sent")
		}
	}
	return d.change(), true
}

// overtook says what has happened to an incident before one of its messages was sent that it does not want any more.
func (inc Incident) overtook() string {
	what := string(inc.State)
	switch {
	case inc.State == Triggered && inc.Suppressed != "":
		what = "suppressed"
	case inc.State == Triggered:
		what = "triggered again"
	}
	return what + " before it was sent"
}

// joining is whom a PagerDuty message names: its own people, and when it comes late, after a further step was paged,
// also those who are assigned by then: nobody who was called is sent away.
func (d *draft) joining(row Row) []string {
	people := row.People
	for _, other := range d.rowsOf(row.Incident) {
		if other.Seq > row.Seq && other.Kind == MessageTrigger && other.Channel == row.Channel && other.mayHaveArrived() {
			people = union(people, other.People)
		}
	}
	return people
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, person := range b {
		if !slices.Contains(all, person) {
			all = append(all, person)
		}
	}
	return all
}

// wants says that a message of this kind tells the truth about the incident.
func (inc Incident) wants(kind MessageKind) bool {
	switch kind {
	case MessageTrigger, MessageUpdate:
		return inc.State == Triggered && inc.Suppressed == ""
	case MessageAcknowledge:
		return inc.State == Acknowledged || inc.State == Snoozed
	case MessageResolve:
		return inc.State == Resolved
	}
	return true
}
