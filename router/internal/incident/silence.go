package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Silence keeps alerts from paging for a time. Its JSON form is stored.
type Silence struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"`
	Matchers Matchers  `json:"matchers"` // an alert for which all hold is silenced
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	Created  time.Time `json:"created"`
	EndedBy  string    `json:"ended_by,omitempty"` // who ended it before its time
}

// Bounds of silences.
const (
	LongestSilence = 366 * 24 * time.Hour     // also how far ahead one may begin
	maxMatchers    = 20                       // of one
	maxSilences    = 1000                     // that are not over
	keepSilence    = 7 * 24 * time.Hour       // how long one that is over is still listed
	timeLayout     = "2006-01-02T15:04Z07:00" // in timelines
)

// InForce says that the silence holds at a time.
func (s Silence) InForce(now time.Time) bool { return !now.Before(s.From) && now.Before(s.Until) }

// Over says that it does not hold any more.
func (s Silence) Over(now time.Time) bool { return !now.Before(s.Until) }

// why is what timelines say of it.
func (s Silence) why() string {
	return fmt.Sprintf("silence %s by %s until %s: %s", s.ID, s.By, s.Until.UTC().Format(timeLayout), s.Reason)
}

// Silence adds a silence, whose id, version and time of creation it sets; without a From it begins now. It takes effect with
// the next Tick, and at once for what opens after it. The error wraps [ErrInvalid].
func (b *Book) Silence(env Env, s Silence) (Change, Silence, error) {
	if s.From.IsZero() || s.From.Before(env.Now) {
		s.From = env.Now
	}
	if err := s.check(env.Now); err != nil {
		return Change{}, Silence{}, err
	}
	live := 0
	for _, other := range b.silences {
		if !other.Over(env.Now) {
			live++
		}
	}
	if live >= maxSilences {
		return Change{}, Silence{}, invalidf("found %d silences that are not over, expected less than %d: end some first", live, maxSilences)
	}
	s.Version, s.ID, s.Created, s.EndedBy = Version, env.NewID(env.Now), env.Now, ""
	s.Reason, s.By = clip(s.Reason), clip(s.By)
	return Change{Silences: []Silence{s}}, s, nil
}

func (s Silence) check(now time.Time) error {
	switch {
	case len(s.Matchers) == 0 || len(s.Matchers) > maxMatchers:
		return invalidf("matchers: found %d, expected 1 to %d such as host=web1", len(s.Matchers), maxMatchers)
	case !s.Matchers.Selective():
		return invalidf("matchers: found %s, expected one that needs a label to be there: these match what has no labels at all", s.Matchers)
	case s.From.Sub(now) > LongestSilence:
		return invalidf("from: found %s, expected a time within the next %d days", s.From.UTC().Format(time.RFC3339), LongestSilence/(24*time.Hour))
	case s.Until.IsZero():
		return invalidf("until: expected when the silence ends")
	case !s.Until.After(s.From):
		return invalidf("until: found %s, expected a time after %s, when it begins", s.Until.UTC().Format(time.RFC3339), s.From.UTC().Format(time.RFC3339))
	case s.Until.Sub(s.From) > LongestSilence:
		return invalidf("until: found %s, expected a time at most %d days after the begin", s.Until.UTC().Format(time.RFC3339), LongestSilence/(24*time.Hour))
	case s.Reason == "":
		return invalidf("reason: expected why nobody is to be paged")
	case s.By == "":
		return invalidf("by: expected who says so")
	}
	return nil
}

// EndSilence ends a silence now. The error wraps [ErrUnknown] for one that is over or was never there.
func (b *Book) EndSilence(env Env, id, by string) (Change, error) {
	s, ok := b.silences[id]
	if !ok || s.Over(env.Now) {
		return Change{}, fmt.Errorf("end silence %q: %w", id, ErrUnknown)
	}
	s.Until, s.EndedBy = env.Now, clip(by)
	if s.From.After(s.Until) {
		s.From = s.Until
	}
	return Change{Silences: []Silence{s}}, nil
}

// Silences lists the silences, those that are over for up to a week included, by their begin.
func (b *Book) Silences() []Silence { return b.silencesThat(func(Silence) bool { return true }) }

// silencesThat lists the silences of which something holds, by their begin.
func (b *Book) silencesThat(hold func(Silence) bool) []Silence {
	var list []Silence
	for _, s := range b.silences {
		if hold(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Silence) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) })
	return list
}

// Restore puts the stored silences into a book that is new.
func (b *Book) Restore(silences []Silence) { b.Accept(Change{Silences: silences}) }

// Maintenance is a silence that comes again every week.
type Maintenance struct {
	ID       string
	Matchers Matchers
	Hours    Hours
}

// Hours are times of each week; schedule.Hours is one.
type Hours interface {
	// Until is the end of the hours under way at a time; zero when it is in none.
	Until(t time.Time) time.Time
}

// curtain is a silence or a maintenance window that is in force.
type curtain struct {
	id, why  string
	matchers Matchers
}

// curtains are those in force now, by id.
func (d *draft) curtains() []curtain {
	if d.looked {
		return d.inForce
	}
	d.looked = true
	for _, m := range d.book.settings.Maintenance {
		if end := m.Hours.Until(d.env.Now); !end.IsZero() {
			d.inForce = append(d.inForce, curtain{"maintenance/" + m.ID, fmt.Sprintf("maintenance window %s until %s", m.ID, end.UTC().Format(timeLayout)), m.Matchers})
		}
	}
	for _, s := range d.book.silencesThat(func(s Silence) bool { return s.InForce(d.env.Now) }) {
		d.inForce = append(d.inForce, curtain{s.ID, s.why(), s.Matchers})
	}
	return d.inForce
}

// forget drops silences that have long been over.
func (d *draft) forgetSilences() {
	for _, s := range d.book.silencesThat(func(s Silence) bool { return d.env.Now.Sub(s.Until) >= keepSilence }) {
		d.unsilenced = append(d.unsilenced, s.ID)
	}
}
