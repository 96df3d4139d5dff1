package incident

import "slices"

// Begin marks a row as being sent. The attempt may start once the change is durable. It reports false when the row is
// no longer to be sent: it was cancelled meanwhile, or somebody else began it.
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
