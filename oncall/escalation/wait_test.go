package escalation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

const sleepers = `zone = "Europe/Berlin"
[people]
alice = { page = ["pagerduty"], ticket = ["email", "5m slack"] }
bob   = { page = ["sms"], ticket = ["email"], quiet = "ticket 21:00-09:00" }
carol = { page = ["call"], ticket = ["email"], zone = "America/New_York", quiet = ["ticket 22:00-07:00", "ticket Sat-Sun 00:00-24:00"] }
dan   = { page = ["pagerduty"], ticket = ["email"] }
[schedule.api]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["alice"] }]
`

func sleeping(tb testing.TB, policy string) (escalation.Policy, *schedule.File) {
	tb.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(sleepers+"[policy.p]\n"+policy+"\nfallback = \"dan\"\n[[route]]\npolicy = \"p\"\n"))
	if err != nil {
		tb.Fatal(err)
	}
	p, _ := escalation.PolicyFor(f, nil)
	return p, f
}

// berlin is a time in January 2026; the 5th is a Monday.
func berlin(tb testing.TB, clock string) time.Time {
	tb.Helper()
	t, err := time.Parse("2006-01-02 15:04 -07:00", "2026-01-"+clock+" +01:00")
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// tell lets an escalation go on for a number of calls of Next, and writes down whom it tells when, in Berlin's winter.
func tell(p escalation.Policy, f *schedule.File, severity string, now time.Time, calls int) []string {
	var told []string
	pr := escalation.Progress{}
	clock := func(t time.Time) string { return t.UTC().Add(time.Hour).Format("02 15:04") }
	for range calls {
		var notify []escalation.Notify
		pr, notify = escalation.Next(p, f, pr, nil, severity, now)
		if pr.Held {
			told = append(told, clock(now)+" held until "+clock(pr.Next))
		}
		for _, n := range notify {
			told = append(told, fmt.Sprintf("%s %s %s", clock(n.At), n.Person, n.Channel))
		}
		now = pr.Next
	}
	return told
}

func TestHoldAndQuiet(t *testing.T) {
	const step = `steps = [{ page = "api", wait = "1h" }, { page = "bob", wait = "1h" }]`
	tests := []struct {
		name, policy, severity, at string
		calls                      int
		want                       []string
	}{
		{"a page is never held", step + "\nhold = \"ticket 22:00-08:00\"", "page", "05 23:00", 2, []string{"05 23:00 alice pagerduty", "06 00:00 bob sms"}},
		{"a severity nobody knows is not held either", step + "\nhold = \"ticket 22:00-08:00\"", "catastrophe", "05 23:00", 1, []string{"05 23:00 alice pagerduty"}},
		{"a ticket waits for the morning and is not lost", step + "\nhold = \"ticket 22:00-08:00\"", "ticket", "05 23:00", 2, []string{"05 23:00 held until 06 08:00", "06 08:00 alice email", "06 08:05 alice slack"}},
		{"by day a ticket goes out at once", step + "\nhold = \"ticket 22:00-08:00\"", "ticket", "05 12:00", 1, []string{"05 12:00 alice email", "05 12:05 alice slack"}},
		{"the end of a hold is outside of it", step + "\nhold = \"ticket 22:00-08:00\"", "ticket", "06 08:00", 1, []string{"06 08:00 alice email", "06 08:05 alice slack"}},
		{"its beginning is inside", step + "\nhold = \"ticket 22:00-08:00\"", "ticket", "05 22:00", 1, []string{"05 22:00 held until 06 08:00"}},
		{"a later step is held too", step + "\nhold = \"ticket 22:00-08:00\"", "ticket", "05 21:30", 3, []string{"05 21:30 alice email", "05 21:35 alice slack", "05 22:30 held until 06 08:00", "06 09:00 bob email"}},
		{"a delayed channel does not slip into the hold", step + "\nhold = \"ticket 22:00-08:00\"", "ticket", "05 21:58", 1, []string{"05 21:58 alice email", "06 08:00 alice slack"}},
		{"hours of several texts that touch are one", step + "\nhold = [\"ticket 22:00-24:00\", \"ticket 00:00-08:00\"]", "ticket", "05 23:00", 1, []string{"05 23:00 held until 06 08:00"}},
		{"a weekend", step + "\nhold = \"ticket Fri 18:00-Mon 08:00\"", "ticket", "10 12:00", 1, []string{"10 12:00 held until 12 08:00"}},
		{"quiet hours delay one person's ticket", `steps = [{ page = ["alice", "bob"], wait = "1h" }, { page = "dan", wait = "1h" }]`, "ticket", "05 22:00", 2, []string{"05 22:00 alice email", "05 22:05 alice slack", "06 09:00 bob email", "05 23:00 dan email"}},
		{"quiet hours delay no page", `steps = [{ page = "bob", wait = "1h" }]`, "page", "05 22:00", 1, []string{"05 22:00 bob sms"}},
		{"when the whole step sleeps its wait begins in the morning", `steps = [{ page = "bob", wait = "1h" }, { page = "dan", wait = "1h" }]`, "ticket", "05 22:00", 2, []string{"06 09:00 bob email", "06 10:00 dan email"}},
		{"nothing piles up for a fallback", `steps = [{ page = "bob", wait = "1s" }]`, "ticket", "05 22:00", 3, []string{"06 09:00 bob email", "06 09:00 dan email", "06 09:30 dan email"}},
		{"quiet hours are those of the person's zone", `steps = [{ page = "carol", wait = "1h" }]`, "ticket", "06 05:00", 1, []string{"06 13:00 carol email"}},
		{"a quiet night into a quiet weekend", `steps = [{ page = "carol", wait = "1h" }]`, "ticket", "10 05:00", 1, []string{"12 13:00 carol email"}},
		{"quiet after hold", `steps = [{ page = "bob", wait = "1h" }]` + "\nhold = \"ticket 22:00-08:00\"", "ticket", "05 23:00", 2, []string{"05 23:00 held until 06 08:00", "06 09:00 bob email"}},
		{"hold and quiet that leave no time between them: hold counts", `steps = [{ page = "bob", wait = "1h" }]` + "\nhold = \"ticket 08:00-22:00\"", "ticket", "05 12:00", 2, []string{"05 12:00 held until 05 22:00", "05 22:00 bob email"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, f := sleeping(t, test.policy)
			got := tell(p, f, test.severity, berlin(t, test.at), test.calls)
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Whenever a ticket comes, nobody hears of it in hours in which it must wait, and everybody hears of it within them.
func TestTicketsWaitAndAreNotLost(t *testing.T) {
	p, f := sleeping(t, `steps = [{ page = ["api", "bob", "carol"], wait = "7h" }]`+"\nrepeat = 3\nhold = [\"ticket 22:00-06:30\", \"ticket Sun 00:00-24:00\"]")
	rapid.Check(t, func(t *rapid.T) {
		now := monday.Add(time.Duration(rapid.IntRange(0, 400*24*60).Draw(t, "minutes")) * time.Minute)
		told := map[string]bool{}
		var pr escalation.Progress
		for range 9 {
			var notify []escalation.Notify
			before := now
			pr, notify = escalation.Next(p, f, pr, nil, "ticket", now)
			if !pr.Next.After(now) {
				t.Fatalf("called at %s, again at %s", now, pr.Next)
			}
			for _, n := range notify {
				person, _ := f.Person(n.Person)
				told[n.Person] = true
				if n.At.Before(before) || n.At.Sub(before) > 4*24*time.Hour {
					t.Fatalf("%s is told at %s of what came at %s", n.Person, n.At, before)
				}
				for name, hours := range map[string]schedule.Hours{"hold": p.Hold, "quiet": person.Quiet} {
					if end := hours.Until(n.At); !end.IsZero() {
						t.Fatalf("%s is told at %s, in hours of %s until %s", n.Person, n.At, name, end)
					}
				}
			}
			now = pr.Next
		}
		for _, person := range []string{"alice", "bob", "carol", "dan"} {
			if !told[person] {
				t.Fatalf("%s was never told", person)
			}
		}
	})
}

// The hours of a frozen policy survive being stored; what cannot be read holds nothing back.
func TestStoredHold(t *testing.T) {
	p, f := sleeping(t, `steps = [{ page = "api", pick = "rotate", wait = "1h" }]`+"\nhold = [\"ticket 22:00-08:00\", \"ticket Sun 00:00-24:00\"]")
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"p","steps":[{"page":["api"],"rotate":true,"wait":"1h0m0s"}],"fallback":"dan","ack_timeout":"4h0m0s","hold":{"windows":["22:00-08:00","Sun 00:00-24:00"],"zone":"Europe/Berlin"}}`
	if string(data) != want {
		t.Errorf("stored as\n%s, want\n%s", data, want)
	}
	var back escalation.Policy
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	now := berlin(t, "05 23:00")
	if got := tell(back, f, "ticket", now, 1); !slices.Equal(got, []string{"05 23:00 held until 06 08:00"}) {
		t.Errorf("read back it does: %v", got)
	}
	for _, hold := range []string{`null`, `7`, `"22:00-08:00"`, `{"windows":["25:00-26:00"],"zone":"UTC"}`, `{"windows":["22:00-08:00"],"zone":"Mars/Olympus"}`, `{"windows":["00:00-24:00"],"zone":"UTC"}`} {
		var other escalation.Policy
		if err := json.Unmarshal([]byte(`{"name":"p","hold":`+hold+`}`), &other); err != nil || !other.Hold.IsZero() {
			t.Errorf("hold %s: %v, %v, want none and no error", hold, other.Hold, err)
		}
	}
}

func TestNoWaitIsLongerThanTheLongest(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		minutes, hour := rapid.IntRange(1, 240), rapid.IntRange(0, 23)
		text := fmt.Sprintf("steps = [{ page = [\"bob\", \"carol\"], wait = \"%dm\" }, { page = \"api\", wait = \"%dm\" }]\nhold = \"ticket Mon %02d:00-Sun %02d:30\"",
			minutes.Draw(t, "first"), minutes.Draw(t, "second"), hour.Draw(t, "begin"), hour.Draw(t, "end"))
		p, f := sleeping(tb, text)
		now := monday.Add(time.Duration(rapid.IntRange(0, 60*24*60).Draw(t, "minute")) * time.Minute)
		severity := rapid.SampledFrom([]string{"page", "ticket"}).Draw(t, "severity")
		pr := escalation.Progress{}
		for range 12 {
			if rapid.IntRange(0, 4).Draw(t, "hand") == 0 {
				pr, _ = escalation.Hand(p, f, pr, severity, "carol", "alice", now)
			} else {
				pr, _ = escalation.Next(p, f, pr, nil, severity, now)
			}
			if wait := pr.Next.Sub(now); wait > escalation.LongestWait(p, severity) {
				t.Fatalf("%s waits %s, want at most %s", severity, wait, escalation.LongestWait(p, severity))
			}
			now = pr.Next
		}
	})
}
