package escalation_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/escalation"
)

// turns lets incidents come one after the other, each for some calls of Next, and says who is told each time.
func turns(t *testing.T, policy string, calls ...int) []string {
	t.Helper()
	f := file(t, "[policy.p]\n"+policy+"\nfallback = \"dan\"\n[[route]]\npolicy = \"p\"\n")
	p, _ := escalation.PolicyFor(f, nil)
	picks := escalation.Picks{}
	var told []string
	for i, n := range calls {
		var pr escalation.Progress
		now := monday.Add(time.Duration(i) * time.Hour)
		for range n {
			before := pr
			var notify []escalation.Notify
			pr, notify = escalation.Next(p, f, pr, picks, "page", now)
			maps.Copy(picks, pr.PickedSince("p", before))
			var people []string
			for _, n := range notify {
				if !slices.Contains(people, n.Person) {
					people = append(people, n.Person)
				}
			}
			told = append(told, strings.Join(people, "+"))
			now = pr.Next
		}
		told = append(told, "|")
	}
	return told
}

func TestPickRotates(t *testing.T) {
	tests := []struct {
		name, policy string
		calls        []int
		want         string
	}{
		{"each incident takes the next", `steps = [{ page = ["alice", "bob", "carol"], pick = "rotate", wait = "1m" }]`, []int{1, 1, 1, 1}, "alice | bob | carol | alice |"},
		{"a further pass takes the one after its own last", `steps = [{ page = ["alice", "bob", "carol"], pick = "rotate", wait = "1m" }]
			repeat = 2`, []int{3, 1}, "alice bob carol | alice |"},
		{"who cannot be told is passed over and keeps no turn", `steps = [{ page = ["alice", "mute", "nobody", "bob"], pick = "rotate", wait = "1m" }]`, []int{1, 1, 1}, "alice | bob | alice |"},
		{"a schedule takes its turn as a whole", `steps = [{ page = ["both", "dan"], pick = "rotate", wait = "1m" }]`, []int{1, 1, 1}, "bob+carol | dan | bob+carol |"},
		{"steps have turns of their own", `steps = [{ page = ["alice", "bob"], pick = "rotate", wait = "1m" }, { page = ["carol", "alice"], pick = "rotate", wait = "1m" }]`, []int{2, 1, 2}, "alice carol | bob | alice alice |"},
		{"nobody in the whole list: the next step at once", `steps = [{ page = ["mute", "nobody"], pick = "rotate", wait = "1m" }, { page = "carol", wait = "1m" }]`, []int{1}, "carol |"},
		{"without pick all are told", `steps = [{ page = ["alice", "bob"], wait = "1m" }]`, []int{1, 1}, "alice+bob | alice+bob |"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(turns(t, test.policy, test.calls...), " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Incidents at the same time take turns too, and each goes on from its own last in a further pass.
func TestPickAcrossIncidents(t *testing.T) {
	f := file(t, "[policy.p]\nsteps = [{ page = [\"alice\", \"bob\"], pick = \"rotate\", wait = \"1m\" }]\nrepeat = 1\nfallback = \"dan\"\n[[route]]\npolicy = \"p\"\n")
	p, _ := escalation.PolicyFor(f, nil)
	picks := escalation.Picks{}
	var open [2]escalation.Progress
	var told []string
	for i := range 4 {
		before := open[i%2]
		now := monday
		if !before.Next.IsZero() {
			now = before.Next
		}
		var notify []escalation.Notify
		open[i%2], notify = escalation.Next(p, f, before, picks, "page", now)
		maps.Copy(picks, open[i%2].PickedSince("p", before))
		told = append(told, notify[0].Person)
	}
	if want := []string{"alice", "bob", "bob", "alice"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// Whose turn was last may be gone from the file: then the list begins anew.
func TestPickAfterTheLastIsGone(t *testing.T) {
	f := file(t, "[policy.p]\nsteps = [{ page = [\"carol\", \"bob\"], pick = \"rotate\", wait = \"1m\" }]\nfallback = \"dan\"\n[[route]]\npolicy = \"p\"\n")
	p, _ := escalation.PolicyFor(f, nil)
	_, notify := escalation.Next(p, f, escalation.Progress{}, escalation.Picks{escalation.PickKey("p", 0): "frank"}, "page", monday)
	if len(notify) != 1 || notify[0].Person != "carol" {
		t.Errorf("told %v, want carol", notify)
	}
}
