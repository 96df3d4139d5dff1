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

var stormCaps = map[string]int{"sms": 1, ChannelPagerDuty: 1}

// spoken is a world in which four containers have died and alice got two messages by a channel: one for the first death, and
// one, of incident I002, that speaks for the others.
func spoken(t *testing.T, channel string) *world {
	t.Helper()
	w := newWorld(t, strings.Replace(stormRotation, `alice = { page = ["sms", "10m call"] }`, fmt.Sprintf("alice = { page = [%q] }", channel), 1))
	w.storm(0, 4, "", stormCaps)
	want(t, w.deliver(sentOK), "trigger "+channel+" alice", "trigger "+channel+" alice")
	if row, _ := w.book.draft(w.env).row(RowKey{"I002", 0}); row.Others != 2 {
		t.Fatalf("it speaks for %d others, want 2", row.Others)
	}
	return w
}

// ends lets deaths be over, numbered as the incidents are, a second later and ticks.
func (w *world) ends(numbers ...int) *world {
	w.env.Now = w.env.Now.Add(time.Second)
	for _, n := range numbers {
		a := containerDied(n-1, "", w.env.Now)
		a.Firing, a.Event = false, ""
		w.apply(a)
	}
	return w.after(time.Second)
}

// told sends what is due, and gives the incident and the number of others of each resolve.
func (w *world) told() []string {
	w.t.Helper()
	var said []string
	for _, row := range w.beginAll() {
		if row.Kind == MessageResolve {
			said = append(said, fmt.Sprintf("%s+%d %s", row.Incident, row.Others, row.Channel))
		}
		w.finish([]Row{row}, sentOK)
	}
	return said
}

func TestAMessageThatSpokeForOthersIsTakenBackWhenAllAreOver(t *testing.T) {
	for _, channel := range []string{"sms", ChannelPagerDuty} {
		all := "I002+2 " + channel
		for _, row := range []struct {
			name string
			do   func(w *world) (said []string)
			want []string
		}{
			{"its own first", func(w *world) []string {
				return slices.Concat(w.ends(2).told(), w.ends(3).told(), []string{"."}, w.ends(4).told())
			}, []string{".", all}},
			{"its own last", func(w *world) []string {
				return slices.Concat(w.ends(4).told(), w.ends(3).told(), []string{"."}, w.ends(2).told())
			}, []string{".", all}},
			{"all at once", func(w *world) []string { return w.ends(2, 3, 4).told() }, []string{all}},
			{"only the one that was told by itself", func(w *world) []string { return w.ends(1).told() }, []string{"I001+0 " + channel}},
			{"somebody has the last one: it is not over", func(w *world) []string {
				w.acted(w.book.Acknowledge(w.env, "I003", "bob", ""))
				return w.ends(2, 4).told()
			}, nil},
			{"once, whatever comes again", func(w *world) []string {
				said := w.ends(2, 3, 4).told()
				w.after(time.Hour)
				return append(said, w.told()...)
			}, []string{all}},
			{"a crash before each step", func(w *world) []string {
				said := w.crash().ends(2).told()
				said = append(said, w.crash().ends(3).told()...)
				said = append(said, w.crash().ends(4).crash().told()...)
				return append(said, w.crash().after(time.Second).told()...)
			}, []string{all}},
			{"a crash between the last end and the news", func(w *world) []string {
				w.ends(2, 3)
				a := containerDied(3, "", w.env.Now.Add(time.Second))
				a.Firing, a.Event = false, ""
				w.apply(a)
				return w.crash().after(time.Second).told()
			}, []string{all}},
		} {
			t.Run(channel+": "+row.name, func(t *testing.T) {
				w := spoken(t, channel)
				want(t, row.do(w), row.want...)
			})
		}
	}
}

// What was told is filed away, and no earlier: the message it is about must be known.
func TestTheIncidentOfAMessageStaysUntilAllThatItSpokeForIsOver(t *testing.T) {
	w := spoken(t, "sms").ends(2)
	w.told()
	if w.after(24 * time.Hour); !w.said("alice by sms is told when all is over that page I002-0 spoke for") {
		t.Errorf("not said in\n%s", strings.Join(w.log, "\n"))
	}
	if inc, ok := w.book.Incident("I002"); !ok || inc.State != Resolved {
		t.Fatalf("found %+v, %t", inc, ok)
	}
	w.ends(3, 4).told()
	w.after(time.Second)
	if left := w.book.Incidents(); len(left) != 1 || left[0].ID != "I001" {
		t.Errorf("left are %+v", left)
	}
	if !w.said("all is over that page I002-0 spoke for: telling alice by sms that it is over") {
		t.Errorf("not said in\n%s", strings.Join(w.log, "\n"))
	}
	if len(w.book.awaited) > 0 {
		t.Errorf("still waits for %v", w.book.awaited)
	}
}

func TestAMessageThatSpeaksForNobodyIsTakenBackAtOnce(t *testing.T) {
	refused, unclear := Outcome{Err: errors.New("refused"), Permanent: true}, Outcome{Err: errors.New("503")}
	for _, row := range []struct {
		name string
		do   func(w *world, host Row)
		want []string
	}{
		{"it was refused: nobody got it", func(w *world, host Row) { w.finish([]Row{host}, refused) }, nil},
		{"it was refused after an unclear attempt", func(w *world, host Row) {
			w.finish([]Row{host}, unclear)
			w.env.Now = w.env.Now.Add(time.Minute)
			w.finish(w.beginAll(), refused)
		}, []string{"I002+0 sms"}},
		{"it failed, and its incident was over", func(w *world, host Row) {
			w.ends(2)
			w.finish([]Row{host}, unclear)
		}, []string{"I002+0 sms"}},
		{"the router died, and its incident was over", func(w *world, _ Row) { w.ends(2).crash() }, []string{"I002+0 sms"}},
		{"written by a release that does not say for how many it spoke", func(w *world, host Row) {
			host.Status, host.Others = RowSent, 0
			w.accept(Change{Rows: []Row{host}})
		}, []string{"I002+0 sms"}},
		{"fewer are named when it goes again: the first attempt may have arrived", func(w *world, host Row) {
			w.finish([]Row{host}, unclear)
			w.acted(w.book.Acknowledge(w.env, "I003", "bob", ""))
			w.env.Now = w.env.Now.Add(time.Minute)
			w.finish(w.beginAll(), sentOK)
			w.ends(3, 4)
		}, []string{"I002+2 sms"}},
		{"held by a restore", func(w *world, host Row) {
			w.finish([]Row{host}, sentOK)
			w.ends(2, 3, 4).restored()
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, stormRotation)
			w.storm(0, 4, "", stormCaps)
			sent := w.beginAll()
			w.finish(sent[:1], sentOK)
			row.do(w, sent[1])
			if inc, ok := w.book.Incident("I002"); ok && inc.State != Resolved {
				w.ends(2)
			}
			w.after(time.Second)
			want(t, w.told(), row.want...)
		})
	}
}

// Who was told of an incident, and put off because a later message spoke for others too, hears that it is over also when
// nobody gets that message.
func TestWhoWasPutOffForAMessageThatNobodyGetsHearsTheEnd(t *testing.T) {
	for _, row := range []struct {
		name  string
		crash bool
	}{{"at once", false}, {"a crash before each step", true}} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, strings.Replace(stormRotation, `steps = [{ page = "bob", wait = "30m" }]`, `steps = [{ page = "bob", wait = "30m" }, { page = "bob", wait = "30m" }]`, 1))
			step := func() {
				if row.crash {
					w.crash()
				}
			}
			w.storm(0, 3, "web", map[string]int{"sms": 9})
			want(t, w.deliver(sentOK), "trigger sms bob", "trigger sms bob", "trigger sms bob")
			w.after(30 * time.Minute)
			w.accept(w.book.Merge(w.env, stormCaps))
			sent := w.beginAll()
			if len(sent) != 2 || sent[1].Incident != "I002" || sent[1].Others != 1 {
				t.Fatalf("sent are %+v, want that of I002 to speak for another one", sent)
			}
			w.ends(2)
			want(t, w.told())
			if !w.said("bob by sms is told when all is over that page I002-1 spoke for") {
				t.Errorf("not said in\n%s", strings.Join(w.log, "\n"))
			}
			w.finish(sent[1:], Outcome{Err: errors.New("refused"), Permanent: true})
			step()
			w.after(time.Second)
			step()
			want(t, w.told(), "I002+0 sms")
			step()
			w.after(time.Hour)
			if _, ok := w.book.Incident("I002"); ok {
				t.Error("I002 is still there")
			}
		})
	}
}

// An incident that comes back after all was told has a page of its own, and an end of its own.
func TestWhatComesBackIsNotSpokenForAnyMore(t *testing.T) {
	w := spoken(t, "sms").use(Settings{ReopenWithin: 5 * time.Minute})
	want(t, w.ends(2, 3, 4).told(), "I002+2 sms")
	w.env.Now = w.env.Now.Add(time.Minute)
	w.apply(containerDied(13, "", w.env.Now), func() Alert { a := containerDied(3, "", w.env.Now); a.Event = "e3 again"; return a }())
	w.told()
	want(t, w.ends(4).told(), "I004+0 sms")
}

// Whatever happens in whatever order: a message that speaks for others is not taken back while something is open that it
// spoke for, and is taken back once when all is over.
func TestNoEndIsToldTooEarlyNoneTwiceAndNoneNever(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, stormRotation)
		w.use(Settings{ReopenWithin: time.Minute})
		open, deaths := map[int]bool{}, 0
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"die", "die", "end", "end", "end", "ack", "crash", "merge", "send", "wait"}).Draw(rt, "step") {
			case "die":
				open[deaths] = true
				w.apply(containerDied(deaths, "", w.env.Now))
				deaths++
			case "end":
				if n := rapid.IntRange(0, max(deaths-1, 0)).Draw(rt, "which"); open[n] {
					delete(open, n)
					w.ends(n + 1)
				}
			case "ack":
				if n := rapid.IntRange(0, max(deaths-1, 0)).Draw(rt, "which"); open[n] {
					w.acted(w.book.Acknowledge(w.env, fmt.Sprintf("I%03d", n+1), "bob", ""))
				}
			case "crash":
				w.begin()
				w.crash()
			case "merge":
				w.accept(w.book.Merge(w.env, stormCaps))
			case "send":
				w.told()
			case "wait":
				w.after(30 * time.Second)
			}
			tooEarly(rt, w)
		}
		for n := range open {
			w.ends(n + 1)
		}
		w.told()
		for range 3 {
			w.after(2 * time.Minute).told()
		}
		if left := w.book.Incidents(); len(left) > 0 || len(w.book.awaited) > 0 {
			rt.Fatalf("when all is over there are left %+v, which wait for %v", left, w.book.awaited)
		}
	})
}

// tooEarly fails when the end of a message was told while something is open that it spoke for, or twice.
func tooEarly(t *rapid.T, w *world) {
	for _, inc := range w.book.Incidents() {
		rows := w.book.Rows(inc.ID)
		for i, host := range rows {
			ended := slices.IndexFunc(rows[i:], func(r Row) bool { return r.tellsEnd() && r.sharesLine(host) })
			if host.Others == 0 || host.Kind != MessageTrigger || !host.mayHaveArrived() || ended < 0 {
				continue
			}
			for _, merged := range w.book.draft(w.env).merged(host) {
				if other, ok := w.book.Incident(merged.Incident); ok && other.State != Resolved {
					t.Fatalf("%s was told to be over, which spoke for %s, which is %s", host.PageID(), other.ID, other.State)
				}
			}
			twice := slices.IndexFunc(rows[i+ended+1:], func(r Row) bool { return r.Kind == MessageResolve && r.Others > 0 && r.sharesLine(host) })
			if twice >= 0 {
				t.Fatalf("%s was told to be over twice: %+v", host.PageID(), rows)
			}
		}
	}
}
