package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const stormRotation = `
zone = "UTC"
[people]
alice = { page = ["sms", "10m call"] }
bob   = { page = ["sms"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.api]
steps = [{ page = "api", wait = "30m" }, { page = "bob", wait = "10m" }]
fallback = "bob"
[policy.web]
steps = [{ page = "bob", wait = "30m" }]
fallback = "bob"
[[route]]
match = { team = "web" }
policy = "web"
[[route]]
policy = "api"
`

// containerDied is the death of one of many.
func containerDied(n int, team string, at time.Time) Alert {
	a := died(at)
	a.Key, a.Event, a.Summary = fmt.Sprintf("died|%d", n), fmt.Sprintf("e%d", n), fmt.Sprintf("container c%d died", n)
	a.Labels = map[string]string{"host": "web1", "team": team}
	return a
}

// storm opens incidents and merges what overflows.
func (w *world) storm(from, n int, team string, caps map[string]int) {
	for i := range n {
		w.apply(containerDied(from+i, team, w.env.Now))
	}
	w.accept(w.book.Merge(w.env, caps))
}

// beginAll marks all due rows as being sent, and says which they are.
func (w *world) beginAll() (rows []Row) {
	due, _ := w.book.Due(w.env.Now)
	for _, row := range due {
		c, ok := w.book.Begin(w.env, row.Key())
		if !ok {
			w.t.Fatalf("due row %v cannot begin", row.Key())
		}
		w.accept(c)
		rows = append(rows, c.Rows[0])
	}
	return rows
}

func (w *world) finish(rows []Row, out Outcome) {
	for _, row := range rows {
		w.accept(w.book.Finish(w.env, row.Key(), out))
	}
}

// statuses counts the rows of a channel by status.
func (w *world) statuses(channel string) string {
	count := map[RowStatus]int{}
	for _, inc := range w.book.Incidents() {
		for _, row := range w.book.Rows(inc.ID) {
			if row.Channel == channel {
				count[row.Status]++
			}
		}
	}
	return strings.TrimPrefix(fmt.Sprint(count), "map")
}

// speaks is how many incidents besides its own each of some rows speaks for.
func (w *world) speaks(rows []Row) (n []int) {
	for _, row := range rows {
		n = append(n, len(w.book.Merged(row)))
	}
	return n
}

func TestAStormBecomesOneMessageForEachPerson(t *testing.T) {
	caps := map[string]int{"sms": 3}
	w := newWorld(t, stormRotation)
	w.storm(0, 10, "", caps)
	w.storm(10, 1, "web", caps)
	w.storm(11, 4, "web", caps)
	sent := w.beginAll()
	// Three go out by themselves; of the other twelve there is one message for alice and one for bob.
	if got := fmt.Sprint(w.speaks(sent)); got != "[0 0 0 6 4]" {
		t.Errorf("they speak for %s: %+v", got, sent)
	}
	if got := w.statuses("sms"); got != "[merged:10 sending:5]" {
		t.Errorf("found %s", got)
	}
	w.finish(sent, sentOK)
	if !slices.Contains(w.log, "merged trigger to alice by sms into page I004-0: more than 3 pages a minute by sms") ||
		!slices.Contains(w.log, "more than 3 pages a minute by sms: page I004-0 speaks for what else there is for alice") {
		t.Errorf("not said in\n%s", strings.Join(w.log, "\n"))
	}

	// What comes within the minute gathers in one further message, which goes out when the minute is over.
	w.env.Now = w.env.Now.Add(20 * time.Second)
	w.storm(15, 5, "", caps)
	w.storm(20, 5, "", caps)
	if due := w.beginAll(); len(due) != 0 {
		t.Errorf("went out at once: %+v", due)
	}
	w.env.Now = w.env.Now.Add(40 * time.Second)
	w.accept(w.book.Merge(w.env, caps))
	if due := w.beginAll(); len(due) != 1 || len(w.book.Merged(due[0])) != 9 {
		t.Errorf("after a minute there went out %+v", due)
	}

	// After a calm minute each goes out by itself again.
	w.env.Now = w.env.Now.Add(StormWindow)
	w.storm(25, 3, "", caps)
	if due := w.beginAll(); fmt.Sprint(w.speaks(due)) != "[0 0 0]" {
		t.Errorf("after a calm minute there went out %+v", due)
	}
}

func TestNoStormBelowTheBound(t *testing.T) {
	for _, row := range []struct {
		name string
		caps map[string]int
		want string
	}{
		{"as many as may", map[string]int{"sms": 5}, "[sending:5]"},
		{"one too many", map[string]int{"sms": 4}, "[sending:5]"}, // which speaks for itself alone
		{"two too many", map[string]int{"sms": 3}, "[merged:1 sending:4]"},
		{"no bound", map[string]int{"call": 1}, "[sending:5]"},
		{"bound of none", map[string]int{"sms": 0}, "[sending:5]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, stormRotation)
			w.storm(0, 5, "", row.caps)
			w.beginAll()
			if got := w.statuses("sms"); got != row.want {
				t.Errorf("found %s, want %s", got, row.want)
			}
		})
	}
}

// On PagerDuty only what makes an incident there counts.
func TestOnPagerDutyReassignmentsAreNoStorm(t *testing.T) {
	w := newWorld(t, strings.ReplaceAll(stormRotation, `"sms"`, `"pagerduty"`))
	caps := map[string]int{ChannelPagerDuty: 4}
	w.storm(0, 4, "", caps)
	w.finish(w.beginAll(), Outcome{ProviderID: "P"})
	w.after(30 * time.Minute)
	w.accept(w.book.Merge(w.env, caps))
	w.beginAll()
	if got := w.statuses(ChannelPagerDuty); got != "[sending:4 sent:4]" {
		t.Errorf("with the second step: found %s", got)
	}
	w.storm(4, 6, "", caps)
	if due := w.beginAll(); fmt.Sprint(w.speaks(due)) != "[0 0 0 0 1]" {
		t.Errorf("six new ones make %+v", due)
	}
}

func TestWhatBecomesOfTheMessageThatSpeaksForOthers(t *testing.T) {
	caps := map[string]int{"sms": 1}
	refused := Outcome{Err: errors.New("refused"), Permanent: true}
	for _, row := range []struct {
		name       string
		do         func(w *world, host Row)
		sms, calls string // by status, once all that is due is on its way
	}{
		{"it arrives", func(w *world, host Row) { w.finish([]Row{host}, sentOK) }, "[merged:3 sent:2]", "[pending:5]"},
		{"it is refused: each is called, within the bound of calls", func(w *world, host Row) { w.finish([]Row{host}, refused) }, "[failed:4 sent:1]", "[merged:2 pending:1 sending:2]"},
		{"it does not get through", func(w *world, host Row) {
			w.env.Now = w.env.Now.Add(impatience)
			w.finish([]Row{host}, Outcome{Err: errors.New("503")})
		}, "[merged:3 pending:1 sent:1]", "[merged:2 pending:1 sending:2]"},
		{"its own incident is acknowledged, and it is refused", func(w *world, host Row) {
			w.acted(w.book.Acknowledge(w.env, host.Incident, "bob", ""))
			w.finish([]Row{host}, refused)
		}, "[failed:4 sent:1]", "[cancelled:1 merged:1 pending:1 sending:2]"},
		{"its own incident is acknowledged while it fails: another speaks for them", func(w *world, host Row) {
			w.acted(w.book.Acknowledge(w.env, host.Incident, "bob", ""))
			w.finish([]Row{host}, Outcome{Err: errors.New("503")})
			w.env.Now = w.env.Now.Add(StormWindow)
		}, "[cancelled:1 merged:1 sending:2 sent:1]", "[cancelled:1 pending:4]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, stormRotation)
			w.storm(0, 5, "", caps)
			sent := w.beginAll()
			if fmt.Sprint(w.speaks(sent)) != "[0 3]" {
				t.Fatalf("sent %+v", sent)
			}
			w.finish(sent[:1], sentOK)
			row.do(w, sent[1])
			w.accept(w.book.Merge(w.env, map[string]int{"sms": 1, "call": 1}))
			w.beginAll()
			if sms, calls := w.statuses("sms"), w.statuses("call"); sms != row.sms || calls != row.calls {
				t.Errorf("text messages %s, calls %s; want %s, %s\n%s", sms, calls, row.sms, row.calls, strings.Join(w.log, "\n"))
			}
		})
	}
}

// One that is acknowledged before it is sent speaks for nobody: those whom it would have spoken for wait again, and go out at
// once.
func TestAMessageThatIsNotSentSpeaksForNobody(t *testing.T) {
	caps := map[string]int{"sms": 1}
	w := newWorld(t, stormRotation)
	w.storm(0, 5, "", caps)
	w.acted(w.book.Acknowledge(w.env, "I002", "alice", ""))
	w.accept(w.book.Merge(w.env, caps))
	sent := w.beginAll()
	if len(sent) != 2 || sent[1].Incident != "I003" || len(w.book.Merged(sent[1])) != 2 {
		t.Errorf("sent %+v", sent)
	}
	// What somebody has meanwhile is not spoken for.
	w.acted(w.book.Acknowledge(w.env, "I005", "alice", ""))
	if others := w.book.Merged(sent[1]); len(others) != 1 || others[0].ID != "I004" {
		t.Errorf("speaks for %+v", others)
	}
}

// The message that gathers for a minute is resolved, acknowledged or silenced before it went out: what comes next gathers in its place,
// at its time, and the bound holds on.
func TestAGatheringMessageThatIsNotSentKeepsItsPlace(t *testing.T) {
	caps := map[string]int{"sms": 3}
	for _, row := range []struct {
		name string
		end  func(w *world, id string)
	}{
		{"resolved", func(w *world, id string) { w.acted(w.book.Resolve(w.env, id, "bob", "")) }},
		{"acknowledged", func(w *world, id string) { w.acted(w.book.Acknowledge(w.env, id, "bob", "")) }},
		{"acknowledged, and the router restarted", func(w *world, id string) {
			w.acted(w.book.Acknowledge(w.env, id, "bob", ""))
			w.crash()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, stormRotation)
			began := w.env.Now
			w.storm(0, 6, "", caps) // three by themselves, and one that speaks for three
			w.finish(w.beginAll(), sentOK)
			w.env.Now = w.env.Now.Add(time.Second)
			w.storm(6, 1, "", caps) // this one gathers
			row.end(w, "I007")
			for i := range 20 {
				w.env.Now = w.env.Now.Add(time.Second)
				w.storm(7+i, 1, "", caps)
				if due := pages(w.beginAll()); len(due) != 0 {
					t.Fatalf("%s after the first there went out %+v", w.env.Now.Sub(began), due)
				}
			}
			w.env.Now = began.Add(StormWindow)
			w.accept(w.book.Merge(w.env, caps))
			due := pages(w.beginAll())
			if len(due) != 1 || len(w.book.Merged(due[0])) != 19 {
				t.Errorf("a minute after the first message for others there went out %+v", due)
			}
		})
	}
}

// pages are the triggers among rows.
func pages(rows []Row) (found []Row) {
	for _, row := range rows {
		if row.Kind == MessageTrigger {
			found = append(found, row)
		}
	}
	return found
}

// Whatever happens meanwhile, in no minute does a person get more messages that call than the bound, and one that speaks for others.
func TestTheBoundOfAStormHolds(t *testing.T) {
	caps := map[string]int{"sms": 3}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, stormRotation)
		var went []time.Time
		opened := 0
		for range rapid.IntRange(10, 120).Draw(r, "steps") {
			open := slices.DeleteFunc(w.book.Incidents(), func(inc Incident) bool { return inc.State != Triggered })
			switch rapid.IntRange(0, 9).Draw(r, "what") {
			case 0, 1, 2, 3:
				n := rapid.IntRange(1, 4).Draw(r, "alerts")
				w.storm(opened, n, "", caps)
				opened += n
			case 4, 5, 6:
				w.env.Now = w.env.Now.Add(time.Duration(rapid.IntRange(1, 20).Draw(r, "seconds")) * time.Second)
			case 7:
				if len(open) > 0 {
					w.acted(w.book.Acknowledge(w.env, rapid.SampledFrom(open).Draw(r, "acknowledged").ID, "bob", ""))
				}
			case 8:
				if len(open) > 0 {
					w.acted(w.book.Resolve(w.env, rapid.SampledFrom(open).Draw(r, "resolved").ID, "bob", ""))
				}
			case 9:
				w.crash()
			}
			w.accept(w.book.Merge(w.env, caps))
			due := w.beginAll()
			for _, row := range pages(due) {
				if row.Channel == "sms" && row.Attempt == 1 {
					went = append(went, w.env.Now)
				}
			}
			w.finish(due, sentOK)
		}
		for i := range went {
			n := 0
			for ; i+n < len(went) && went[i+n].Sub(went[i]) < StormWindow; n++ {
			}
			if n > caps["sms"]+1 {
				r.Fatalf("from %s on %d messages went out within a minute", went[i], n)
			}
		}
	})
}

// A router that died between what it stored of a merge loses no page.
func TestAHalfStoredMergeIsMended(t *testing.T) {
	caps := map[string]int{"sms": 1}
	w := newWorld(t, stormRotation)
	for n := range 4 {
		w.apply(containerDied(n, "", w.env.Now))
	}
	c := w.book.Merge(w.env, caps)
	c.Rows = slices.DeleteFunc(c.Rows, func(r Row) bool { return r.Summary })
	w.accept(c)
	w.accept(w.book.Recover(w.env))
	if got := w.statuses("sms"); got != "[pending:4]" {
		t.Errorf("found %s", got)
	}
	w.accept(w.book.Merge(w.env, caps))

	// A whole one outlives a restart, and so does the count.
	var incidents []Incident
	var rows []Row
	for _, inc := range w.book.Incidents() {
		incidents, rows = append(incidents, inc), append(rows, w.book.Rows(inc.ID)...)
	}
	w.book = NewBook(incidents, rows, nil)
	w.accept(w.book.Recover(w.env))
	sent := w.beginAll()
	if fmt.Sprint(w.speaks(sent)) != "[0 2]" {
		t.Fatalf("after a restart there went out %+v", sent)
	}
	rows = nil
	for _, inc := range w.book.Incidents() {
		rows = append(rows, w.book.Rows(inc.ID)...)
	}
	w.book = NewBook(incidents, rows, nil)
	w.storm(4, 2, "", caps)
	if due := w.beginAll(); len(due) != 0 {
		t.Errorf("the count of the minute was forgotten: %+v", due)
	}
}

// A person is to be paged again about the incident whose page speaks for others and waits: that page tells of it as well.
// Sent by itself, it would be beyond the bound; held back and not merged, it would keep the deliverer busy for the whole minute.
func TestAPageThatSpeaksForOthersSpeaksForItsOwnIncidentToo(t *testing.T) {
	caps := map[string]int{"sms": 3}
	w := newWorld(t, strings.Replace(stormRotation, `{ page = "api", wait = "30m" }, { page = "bob", wait = "10m" }`, `{ page = "alice", wait = "30s" }, { page = "alice", wait = "10m" }`, 1))
	w.storm(0, 10, "", caps)
	w.finish(w.beginAll(), sentOK)
	w.env.Now = w.env.Now.Add(20 * time.Second)
	w.storm(20, 2, "", caps)
	w.env.Now = w.env.Now.Add(30 * time.Second) // the next step of both
	w.tick()
	w.accept(w.book.Merge(w.env, caps))
	due, _ := w.book.Due(w.env.Now)
	for _, row := range due {
		if w.book.Floods(row, caps, w.env.Now) {
			t.Errorf("%s is due, beyond the bound, and was not merged", row.PageID())
		}
	}
	w.env.Now = w.env.Now.Add(10 * time.Second)
	w.accept(w.book.Merge(w.env, caps))
	due = w.beginAll()
	if len(due) != 1 {
		t.Fatalf("after a minute there went out %+v", due)
	}
	others := w.book.Merged(due[0])
	if slices.ContainsFunc(others, func(inc Incident) bool { return inc.ID == due[0].Incident }) || len(others) != 11 {
		t.Errorf("besides its own incident %s it speaks for %d: %+v", due[0].Incident, len(others), others)
	}
	if rows := w.book.Rows(due[0].Incident); !slices.ContainsFunc(rows, func(r Row) bool { return r.Status == RowMerged && r.Into == due[0].PageID() }) {
		t.Errorf("found %+v", rows)
	}
}

func TestWhatIsMergedIntoItsOwnIncidentEndsWithIt(t *testing.T) {
	caps := map[string]int{"sms": 3}
	w := newWorld(t, strings.Replace(stormRotation, `{ page = "api", wait = "30m" }, { page = "bob", wait = "10m" }`, `{ page = "alice", wait = "30s" }, { page = "alice", wait = "10m" }`, 1))
	w.storm(0, 10, "", caps)
	w.finish(w.beginAll(), sentOK)
	w.env.Now = w.env.Now.Add(20 * time.Second)
	w.storm(20, 1, "", caps)
	w.storm(21, 1, "", caps)
	w.env.Now = w.env.Now.Add(30 * time.Second)
	w.tick()
	w.accept(w.book.Merge(w.env, caps))
	host := w.book.speaking["sms|alice|true"].row.Incident
	w.acted(w.book.Reassign(w.env, host, "alice", "bob", ""))
	for _, row := range w.book.Rows(host) {
		if row.Kind == MessageTrigger && row.Status != RowCancelled && row.People[0] != "bob" {
			t.Errorf("given to bob, and %s is %s: %s", row.PageID(), row.Status, row.Reason)
		}
	}
	if due, _ := w.book.Due(w.env.Now); len(due) == 0 {
		t.Error("the other incident has nobody who speaks for it, and does not wait again")
	}
}

// Messages of a life whose clock was ahead went out before now: they count for a minute, and nothing waits for their time.
func TestAClockThatWasAheadHoldsUpNoStorm(t *testing.T) {
	caps := map[string]int{"sms": 3}
	w := newWorld(t, stormRotation)
	w.storm(0, 6, "", caps)
	w.finish(w.beginAll(), sentOK)
	w.env.Now = w.env.Now.Add(-20 * time.Minute)
	w.crash()
	w.storm(6, 4, "", caps)
	if due := w.beginAll(); len(due) != 0 {
		t.Errorf("the count of the minute was forgotten: %+v", due)
	}
	w.env.Now = w.env.Now.Add(StormWindow)
	w.accept(w.book.Merge(w.env, caps))
	due := w.beginAll()
	if len(due) == 0 || due[0].Kind != MessageTrigger {
		t.Fatalf("a minute later there went out %+v", due)
	}
	w.finish(due, sentOK)
	w.env.Now = w.env.Now.Add(StormWindow)
	w.storm(10, 3, "", caps)
	if due := w.beginAll(); fmt.Sprint(w.speaks(due)) != "[0 0 0]" {
		t.Errorf("after a calm minute there went out %+v", due)
	}
}

// A page that is only named in a ticket's message wakes nobody: pages are merged with pages alone, and go first.
func TestAPageIsNeverMergedIntoATicket(t *testing.T) {
	rotation := strings.Replace(stormRotation, `alice = {`, `alice = { ticket = ["sms"], `, 1)
	for _, row := range []struct {
		name string
		open []string // in each batch by its letter: a page or a ticket; the batches are ten seconds apart
		want string   // of what went out: its severity, and how many others it speaks for
	}{
		{"a page after tickets", []string{"ttttp"}, "[page+0 ticket+0 ticket+2]"},
		{"pages and tickets", []string{"tptptptp"}, "[page+0 page+0 page+1 ticket+3]"},
		{"a page while a ticket's message waits", []string{"tttt", "tt", "p"}, "[ticket+0 ticket+0 ticket+1 page+0]"},
		{"a page right after a ticket's message", []string{"tttt", "pp"}, "[ticket+0 ticket+0 ticket+1 page+1]"},
		{"a ticket while a page's message waits", []string{"pppp", "pp", "t"}, "[page+0 page+0 page+1 ticket+0]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, rotation)
			var sent []string
			n := 0
			for _, batch := range row.open {
				for _, letter := range batch {
					a := containerDied(n, "", w.env.Now)
					n++
					if letter == 't' {
						a.Severity = SeverityTicket
					}
					w.apply(a)
				}
				w.accept(w.book.Merge(w.env, map[string]int{"sms": 2}))
				rows := w.beginAll()
				for i, others := range w.speaks(rows) {
					inc, _ := w.book.Incident(rows[i].Incident)
					sent = append(sent, fmt.Sprintf("%s+%d", inc.Severity, others))
				}
				w.finish(rows, sentOK)
				w.env.Now = w.env.Now.Add(10 * time.Second)
			}
			if got := fmt.Sprint(sent); got != row.want {
				t.Errorf("there went out %s, want %s", got, row.want)
			}
		})
	}
}
