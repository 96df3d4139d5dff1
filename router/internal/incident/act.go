package incident

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"nezuban/oncall/schedule"
)

// ErrUnknown is returned for an incident that is not open, and for a host that nobody knows.
var ErrUnknown = errors.New("not known here, or over already")

// ErrInvalid is, for [errors.Is], what cannot be done as it was asked for. The error itself is worded for whoever asked: it
// names the field, what was found there and what was expected.
var ErrInvalid = errors.New("invalid")

type invalid string

func (i invalid) Error() string { return string(i) }

// Is implements what [errors.Is] asks.
func (i invalid) Is(target error) bool { return target == ErrInvalid }

func invalidf(format string, args ...any) error { return invalid(fmt.Sprintf(format, args...)) }

// Acknowledge records that somebody has taken the incident: escalation stops, and what was not sent yet is
// withdrawn. Whoever acknowledges it after that takes it over.
func (b *Book) Acknowledge(env Env, id, by, note string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("acknowledge incident %q: %w", id, ErrUnknown)
	}
	d.acknowledge(inc, by, note)
	return d.change(), nil
}

func (d *draft) acknowledge(inc Incident, by, note string) {
	if inc.State == Acknowledged {
		d.takeOver(inc, by, note)
		return
	}
	snoozed := inc.State == Snoozed
	inc.take(Acknowledged, by, d.env.Now)
	d.note(&inc, "acknowledged by %s%s", by, remark(note))
	if !snoozed { // PagerDuty knows already that somebody has it
		d.taken(&inc, "acknowledged")
	}
}

// taken stops what is on its way to people, now that somebody has the incident, and says who: to PagerDuty, where others
// would go on being called, to the others who were paged, where that wakes nobody, and to telephones, which stop ringing.
func (d *draft) taken(inc *Incident, how string) {
	d.withdraw(inc, how+" before it was sent")
	why := how + " by " + inc.AcknowledgedBy
	for _, row := range d.holders(inc.ID) {
		told := row.follow(MessageAcknowledge, why, d.env.Now)
		switch row.Channel {
		case ChannelPagerDuty:
			told.People = []string{inc.AcknowledgedBy}
		case schedule.ChannelEmail, schedule.ChannelSlack, schedule.ChannelTerminal, schedule.ChannelWebhook:
			if slices.Equal(row.People, []string{inc.AcknowledgedBy}) {
				continue
			}
		case schedule.ChannelCall: // a phone that still rings stops, theirs too, unless it rings for other incidents as well
			if row.Others > 0 {
				continue
			}
		default:
			continue
		}
		d.send(inc, told)
	}
}

// Note writes a remark of a person into the timeline.
func (b *Book) Note(env Env, id, by, text string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("note on incident %q: %w", id, ErrUnknown)
	}
	d.note(&inc, "%s: %s", by, text)
	return d.change(), nil
}

// takeOver records that somebody has an incident which was acknowledged already. Saying the same again changes nothing, but of
// one that was opened again since it is news: then nobody is paged should it go on.
func (d *draft) takeOver(inc Incident, by, note string) {
	if by == inc.AcknowledgedBy && note == "" && inc.RetriggerAt.IsZero() {
		return
	}
	d.note(&inc, "acknowledged by %s, after %s%s", by, inc.AcknowledgedBy, remark(note))
	inc.AcknowledgedBy, inc.RetriggerAt = by, time.Time{}
	d.putIncident(inc)
}

// Resolve records that somebody says it is over. A condition that goes on holding opens it again; the timeline says so.
func (b *Book) Resolve(env Env, id, by, note string) (Change, error) {
	d := b.draft(env)
	inc, ok := d.incident(id)
	if !ok || inc.State == Resolved {
		return Change{}, fmt.Errorf("resolve incident %q: %w", id, ErrUnknown)
	}
	d.resolveByHand(inc, by, note)
	return d.change(), nil
}

func (d *draft) resolveByHand(inc Incident, by, note string) {
	for _, alert := range inc.Ordered() {
		if alert.Firing && alert.Kind == KindState {
			d.note(&inc, "resolved by hand while it still held; if it goes on holding, it is opened again: %s", alert.Summary)
		}
	}
	inc.quieten()
	d.resolve(&inc, by, "resolved by "+by+remark(note))
}

func remark(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

// take makes an incident somebody's.
func (inc *Incident) take(state State, by string, now time.Time) {
	inc.State, inc.AcknowledgedAt, inc.AcknowledgedBy, inc.SnoozedUntil, inc.RetriggerAt = state, now, by, time.Time{}, time.Time{}
	if inc.FirstAckAt.IsZero() {
		inc.FirstAckAt, inc.FirstAckBy = now, by
	}
}

// untake makes an incident nobody's.
func (inc *Incident) untake() {
	inc.State, inc.AcknowledgedAt, inc.AcknowledgedBy = Triggered, time.Time{}, ""
	inc.SnoozedUntil, inc.RetriggerAt = time.Time{}, time.Time{}
}

// quietSince is when an acknowledged incident that holds only occurrences last heard of one, or was acknowledged,
// whichever is later; zero when a state alert fires in it: that one has its own end.
func (inc Incident) quietSince() time.Time {
	since := inc.AcknowledgedAt
	if inc.PartsAt.After(since) {
		since = inc.PartsAt
	}
	for _, a := range inc.Alerts {
		if a.Firing && a.Kind != KindOccurrence {
			return time.Time{}
		}
		if a.At.After(since) {
			since = a.At
		}
	}
	return since
}
