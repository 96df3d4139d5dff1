package incident

import (
	"slices"
	"testing"
	"time"
)

// looked is an incident that has paged by PagerDuty at start and is looked up there later, by [heedLook].
type looked struct {
	*world
	inc  Incident
	rows []Row
}

// row adds a message that PagerDuty was sent later.
func (l *looked) row(kind MessageKind, status RowStatus, began time.Duration, change func(*Row)) {
	r := l.rows[0]
	r.Seq, r.Kind, r.Status, r.Began, r.FirstTry = len(l.rows), kind, status, l.at(began), l.at(began)
	if change != nil {
		change(&r)
	}
	l.rows = append(l.rows, r)
}

// heedLook says what a report changes a minute after the start.
func heedLook(t *testing.T, before func(l *looked), r Report) Change {
	t.Helper()
	w := newWorld(t, rotationText)
	w.apply(down(start, true))
	w.deliver(sentOK)
	l := &looked{world: w, inc: w.only(), rows: slices.Clone(w.book.Rows("I001"))}
	if len(l.rows) != 1 || l.rows[0].Channel != ChannelPagerDuty || l.rows[0].Status != RowSent {
		t.Fatalf("the first page is %+v", l.rows)
	}
	if before != nil {
		before(l)
	}
	l.inc.Rows = len(l.rows)
	w.after(time.Minute)
	r.Incident, r.Channel, r.By, r.Person, r.Moves = "I001", ChannelPagerDuty, "alice", true, Moves(l.inc, l.rows, ChannelPagerDuty)
	change, err := NewBook([]Incident{l.inc}, l.rows, nil).Heed(w.env, r)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// What is looked up bears the provider's time, which may be far behind: whether it is news is said by what the router did there
// last, and when that was taken.
func TestWhenALookIsNews(t *testing.T) {
	const before = -10 * time.Minute // the page, by a clock that is behind
	type setting = func(l *looked)
	acknowledged := func(l *looked) {
		l.inc.take(Acknowledged, "alice", l.at(10*time.Second))
		l.row(MessageAcknowledge, RowSent, 10*time.Second, nil)
	}
	heardAt := func(l *looked) { l.inc.HeardAt = l.at(5 * time.Second) }
	look := func(kind ReportKind, at time.Duration) Report {
		return Report{Kind: kind, At: start.Add(at), Keyed: true, To: []string{"bob"}}
	}
	of := func(r Report, change func(r *Report)) Report { change(&r); return r }
	for _, row := range []struct {
		name   string
		before setting
		meant  Report
		heeded bool
	}{
		{"acknowledged, after the page", nil, look(ReportAcknowledged, before), true},
		{"acknowledged, after the page and an update", func(l *looked) { l.row(MessageUpdate, RowSent, 20*time.Second, nil) }, look(ReportAcknowledged, before), true},
		{
			"acknowledged, after the page and one that was refused",
			func(l *looked) {
				l.row(MessageAcknowledge, RowFailed, 20*time.Second, func(r *Row) { r.ProviderID = "" })
			},
			look(ReportAcknowledged, before), true,
		},
		{
			"acknowledged, after the page and one that was never tried",
			func(l *looked) {
				l.row(MessageTrigger, RowCancelled, 20*time.Second, func(r *Row) { r.Attempt, r.ProviderID = 0, "" })
			},
			look(ReportAcknowledged, before), true,
		},
		{
			"acknowledged: the last page may or may not have arrived, and it may be from before",
			func(l *looked) { l.row(MessageTrigger, RowCancelled, 20*time.Second, nil) },
			look(ReportAcknowledged, before), false,
		},
		{
			"acknowledged: the last page was refused, and may have arrived before, and it may be from before",
			func(l *looked) { l.row(MessageTrigger, RowFailed, 20*time.Second, func(r *Row) { r.Repeat = true }) },
			look(ReportAcknowledged, before), false,
		},
		{"acknowledged: the last page is just being taken", func(l *looked) { l.row(MessageTrigger, RowSent, 51*time.Second, nil) }, look(ReportAcknowledged, before), false},
		{"acknowledged: the last page was taken long enough ago", func(l *looked) { l.row(MessageTrigger, RowSent, 50*time.Second, nil) }, look(ReportAcknowledged, before), true},
		{"acknowledged, at no known time", nil, of(look(ReportAcknowledged, 0), func(r *Report) { r.At = time.Time{} }), true},
		{"told, not looked up: its time counts", nil, of(look(ReportAcknowledged, before), func(r *Report) { r.Event = "e" }), false},
		{"told, by a clock that is a little behind", nil, of(look(ReportAcknowledged, -4*time.Second), func(r *Report) { r.Event = "e" }), true},
		{"told, by a clock that is further behind", nil, of(look(ReportAcknowledged, -6*time.Second), func(r *Report) { r.Event = "e" }), false},

		{"acknowledged: in the second of what was heeded, which it may be", heardAt, look(ReportAcknowledged, 6*time.Second), false},
		{"acknowledged: later than what was heeded", heardAt, look(ReportAcknowledged, 6*time.Second+time.Millisecond), true},
		{"acknowledged: earlier than what was heeded", heardAt, look(ReportAcknowledged, 4*time.Second), false},
		{"reassigned: it holds now, whenever it was last changed", heardAt, look(ReportReassigned, before), true},

		{"taken back, after the acknowledgement was passed on", acknowledged, look(ReportUnacknowledged, before), true},
		{"taken back: the acknowledgement was not passed on, and it was never taken there", func(l *looked) {
			l.inc.take(Acknowledged, "alice", l.at(10*time.Second))
		}, look(ReportUnacknowledged, before), false},
		{"resolved, after the page", nil, look(ReportResolved, before), true},
		{"resolved, after an acknowledgement was passed on", acknowledged, look(ReportResolved, before), true},
		{
			"resolved: by ourselves, and it pages anew only now",
			func(l *looked) { l.row(MessageResolve, RowSent, 10*time.Second, nil) },
			look(ReportResolved, before), false,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if change := heedLook(t, row.before, row.meant); change.Empty() == row.heeded {
				t.Errorf("changes %+v, want heeded %v", change, row.heeded)
			}
		})
	}
}

// A look that finds it reassigned may bear an older time than what was heeded: what that one has overtaken stays so.
func TestALookPutsNoTimeBack(t *testing.T) {
	change := heedLook(t, func(l *looked) { l.inc.HeardAt = l.at(5 * time.Second) }, Report{Kind: ReportReassigned, At: start.Add(time.Second), To: []string{"bob"}})
	if len(change.Incidents) != 1 || !change.Incidents[0].HeardAt.Equal(start.Add(5*time.Second)) {
		t.Errorf("changes %+v, want what was heard at %s", change.Incidents, start.Add(5*time.Second))
	}
}
