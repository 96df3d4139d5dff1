package escalation_test

import (
	"fmt"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
)

func ExampleNext() {
	f, err := schedule.Parse("oncall.toml", []byte(`
zone = "Europe/Berlin"
[people]
alice = { page = ["pagerduty"] }
bob   = { page = ["sms"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.api]
steps = [{ page = "api", wait = "5m" }, { page = "bob", wait = "10m" }]
fallback = "alice"
[[route]]
policy = "api"
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, _ := escalation.PolicyFor(f, map[string]string{"host": "web1"})
	progress := escalation.Progress{}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for range 2 { // nobody acknowledges
		var notify []escalation.Notify
		progress, notify = escalation.Next(policy, f, progress, nil, "page", now)
		for _, n := range notify {
			fmt.Println(n.At.Format("15:04"), n.Person, n.Channel, "-", n.Why)
		}
		now = progress.Next
	}
	// Output:
	// 12:00 alice pagerduty - step 1 of policy api: on call for api until further notice
	// 12:05 bob sms - step 2 of policy api: named in the step
}
