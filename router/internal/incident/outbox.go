package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// MessageKind says what a message tells its receiver.
type MessageKind string

// The kinds of message.
const (
	MessageTrigger     MessageKind = "trigger"     // there is a problem and you are asked to look
	MessageAcknowledge MessageKind = "acknowledge" // somebody has taken it
	MessageResolve     MessageKind = "resolve"     // it is over
)

// RowStatus is where one outbox row stands.
type RowStatus string

// Where a row can stand.
const (
	RowPending   RowStatus = "pending"   // to be sent, at NotBefore at the earliest
	RowSending   RowStatus = "sending"   // an attempt is under way, or was when the router died: its outcome is unknown
	RowSent      RowStatus = "sent"      // the provider took it
	RowFailed    RowStatus = "failed"    // the provider refused it for good
	RowCancelled RowStatus = "cancelled" // overtaken by an acknowledgement, a resolve or a later step; Reason says which
)

// Row is one message that must go out: it is stored in the same transaction as the change that asks for it, and
// stays until its incident is closed.
type Row struct {
	Version    int         `json:"version"`
	Incident   string      `json:"incident"`
	Seq        int         `json:"seq"` // 0, 1, 2 … within the incident
	Kind       MessageKind `json:"kind"`
	Channel    string      `json:"channel"` // pagerduty, sms, terminal
	People     []string    `json:"people"`  // several only where the channel holds them in one message (pagerduty)
	Pass       int         `json:"pass"`
	Step       int         `json:"step"`
	Why        string      `json:"why"` // why this goes to these people
	NotBefore  time.Time   `json:"not_before"`
	Status     RowStatus   `json:"status"`
	Attempt    int         `json:"attempt"`               // attempts begun
	Repeat     bool        `json:"repeat,omitempty"`      // an earlier attempt may have arrived
	Hurried    bool        `json:"hurried,omitempty"`     // its failing has already called the next step
	ProviderID string      `json:"provider_id,omitempty"` // the provider's name for what was sent
	Reason     string      `json:"reason,omitempty"`      // of the last failed attempt, or of the cancelling
	Created    time.Time   `json:"created"`
}

// RowKey names a row.
type RowKey struct {
	Incident string
	Seq      int
}

// Key is the row's name.
func (r Row) Key() RowKey { return RowKey{r.Incident, r.Seq} }

// Done says that nothing more happens to the row.
func (r Row) Done() bool {
	return r.Status == RowSent || r.Status == RowFailed || r.Status == RowCancelled
}

// Destination is what a row's place in line is counted by: rows of one incident and destination go strictly in
// order. PagerDuty holds one incident for one of ours whoever is assigned, so all its rows share a line.
func (r Row) Destination() string {
	if r.Channel == ChannelPagerDuty {
		return r.Incident + "|" + r.Channel
	}
	return r.Incident + "|" + r.Channel + "|" + strings.Join(r.People, ",")
}

// mayHaveArrived says that the receiver has, or may have, seen the message. A row that was tried and then cancelled
// counts: an attempt whose answer was lost may well have arrived. So does a refused one that left something behind at the
// provider.
func (r Row) mayHaveArrived() bool {
	return r.Attempt > 0 && (r.Status != RowFailed || r.ProviderID != "")
}

// ChannelPagerDuty is the one channel whose messages concern a whole incident rather than one person.
const ChannelPagerDuty = "pagerduty"

// reaching says that the message has arrived, or may yet do so at once: it has not failed so far. One that is on its way
// for the first time counts; should it fail, its own end looks for the next channel.
func (r Row) reaching() bool {
	switch r.Status {
	case RowSent:
		return true
	case RowPending:
		return r.Attempt == 0
	case RowSending:
		return r.Attempt == 1
	case RowFailed, RowCancelled:
	}
	return false
}

// Outcome is what became of one attempt to send a row.
type Outcome struct {
	ProviderID string        // what the provider calls the message; set beside an error when something was made there
	Err        error         // nil: the provider took it
	Permanent  bool          // with Err: trying again is useless
	After      time.Duration // with Err: the provider asked for at least this pause
}

// Backoff between attempts of one row.
const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// impatience is how long a row may fail before the person's next channel is asked without waiting its delay.
	impatience = 30 * time.Second
)

// backoff is the pause before the attempt after the given number of failed ones.
func backoff(attempts int) time.Duration {
	d := firstBackoff
	for range min(max(attempts-1, 0), 10) {
		d *= 2
	}
	return min(d, lastBackoff)
}

// Due lists the rows that may be sent now: of each destination the pending row whose time came first, unless another
// one is on its way there. The second result is when to ask again if nothing else happens: the earliest future
// NotBefore, or zero when nothing waits.
func (b *Book) Due(now time.Time) (due []Row, next time.Time) {
	for _, id := range b.order() {
		first := map[string]Row{} // by destination
		busy := map[string]bool{}
		for _, row := range b.rows[id] {
			dest := row.Destination()
			busy[dest] = busy[dest] || row.Status == RowSending
			if held, ok := first[dest]; row.Status == RowPending && (!ok || row.NotBefore.Before(held.NotBefore)) {
				first[dest] = row
			}
		}
		for _, dest := range slices.Sorted(maps.Keys(first)) {
			row := first[dest]
			switch {
			case busy[dest]:
			case !row.NotBefore.After(now):
				due = append(due, row)
			case next.IsZero() || row.NotBefore.Before(next):
				next = row.NotBefore
			}
		}
	}
	return due, next
}

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
	row.Status = RowSending
	row.Attempt++
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

// wants says that a message of this kind tells the truth about the incident: news that it is over always does.
func (inc Incident) wants(kind MessageKind) bool {
	switch kind {
	case MessageTrigger:
		return inc.State == Triggered
	case MessageAcknowledge:
		return inc.State == Acknowledged
	case MessageResolve:
	}
	return true
}

// Recover makes every row that was being sent when the router died pending again, marked as a possible repeat, unless
// the incident has moved on meanwhile: a page that came after the news that it is over would never be taken back.
func (b *Book) Recover(env Env) Change {
	d := b.draft(env)
	for _, id := range b.order() {
		d.catchUp(id)
		for _, row := range d.rowsOf(id) {
			if row.Status != RowSending {
				continue
			}
			inc, _ := d.incident(id)
			row.Status, row.Repeat, row.NotBefore = RowPending, true, env.Now
			if !inc.wants(row.Kind) {
				d.cancel(&inc, row, fmt.Sprintf("%s before the router, restarted meanwhile, knew whether it was sent", inc.State))
				continue
			}
			d.putRow(row)
			d.note(&inc, "the router was restarted while %s was being sent: sending it again", row.describe())
		}
	}
	return d.change()
}

// catchUp moves an incident that was stored in the future to the present: the clock was ahead in the router's last life,
// and what is to come, counted from there, would come as much too late.
func (d *draft) catchUp(id string) {
	inc, _ := d.incident(id)
	rows := d.rowsOf(id)
	latest := inc.OpenedAt
	for _, row := range rows {
		if row.Created.After(latest) {
			latest = row.Created
		}
	}
	ahead := latest.Sub(d.env.Now)
	if ahead <= 0 {
		return
	}
	for _, row := range rows {
		row.Created, row.NotBefore = row.Created.Add(-ahead), row.NotBefore.Add(-ahead)
		d.putRow(row)
	}
	if !inc.Progress.Next.IsZero() {
		inc.Progress.Next = inc.Progress.Next.Add(-ahead)
	}
	if inc.AcknowledgedAt.After(d.env.Now) {
		inc.AcknowledgedAt = d.env.Now
	}
	inc.OpenedAt = inc.OpenedAt.Add(-ahead)
	d.note(&inc, "the clock was put back by %s or more: what is to come counts from now", ahead.Round(time.Second))
}

// Finish records what became of an attempt.
func (b *Book) Finish(env Env, key RowKey, out Outcome) Change {
	d := b.draft(env)
	row, ok := d.row(key)
	inc, open := d.incident(key.Incident)
	if !ok || !open || row.Status != RowSending {
		return Change{}
	}
	if out.ProviderID != "" {
		row.ProviderID = out.ProviderID
	}
	switch {
	case out.Err == nil:
		row.Status, row.Reason, row.Repeat = RowSent, "", false
		d.note(&inc, "sent %s", row.describe())
	case out.Permanent:
		row.Status, row.Reason = RowFailed, clip(out.Err.Error())
		d.note(&inc, "failed %s: %s", row.describe(), row.Reason)
	default:
		row.Status, row.Repeat = RowPending, true
		row.NotBefore = env.Now.Add(max(backoff(row.Attempt), out.After))
		reason := clip(out.Err.Error())
		if reason != row.Reason {
			d.note(&inc, "could not send %s, trying again: %s", row.describe(), reason)
		}
		row.Reason = reason
	}
	d.putRow(row)
	d.settle(&inc, row)
	return d.change()
}

// settle follows up a row that just ended or failed: a message overtaken while its attempt ran is cancelled, and a
// person whose channel does not work is reached by the next one.
func (d *draft) settle(inc *Incident, row Row) {
	if row.Status == RowPending && !inc.wants(row.Kind) {
		d.cancel(inc, row, string(inc.State)+" before it was sent")
		return
	}
	if row.Kind != MessageTrigger || row.Status == RowSent || inc.State != Triggered {
		return
	}
	if row.Status == RowFailed || d.env.Now.Sub(row.Created) >= impatience {
		d.nextChannel(inc, row)
	}
}

// nextChannel brings forward the next waiting message to the people of a row that fails; when they have none left
// and nobody else of the step is being reached, the next step of the policy is taken at once.
func (d *draft) nextChannel(inc *Incident, failing Row) {
	reaching := false
	for _, other := range d.rowsOf(inc.ID) {
		sameStep := other.Created.Equal(failing.Created)
		if other.Kind != MessageTrigger || other.Seq == failing.Seq || !sameStep {
			continue
		}
		if other.Status == RowPending && other.Attempt == 0 && other.NotBefore.After(d.env.Now) && shares(other.People, failing.People) {
			other.NotBefore = d.env.Now
			d.putRow(other)
			d.note(inc, "%s does not get through: %s goes out at once", failing.describe(), other.describe())
			return
		}
		reaching = reaching || other.reaching()
	}
	if !reaching && !failing.Hurried && !inc.Progress.Fallback && inc.Progress.Next.After(d.env.Now) {
		failing.Hurried = true
		d.putRow(failing)
		inc.Progress.Next = d.env.Now
		d.note(inc, "nobody of this step can be reached: taking the next step at once")
	}
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(person string) bool { return slices.Contains(b, person) })
}
