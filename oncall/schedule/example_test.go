package schedule_test

import (
	"fmt"
	"time"

	"nezuban/oncall/schedule"
)

func ExampleFile_Who() {
	f, err := schedule.Parse("oncall.toml", []byte(`
zone = "Europe/Berlin"

[people]
alice = { page = ["pagerduty"] }
bob   = { page = ["sms"] }

[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] }]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := f.Who("api", time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer)
	fmt.Println(answer.Reasons[0])
	// Output:
	// on call: alice (api, until 2026-11-30 09:00 CET)
	// alice: layer base, turn 46 (line 9)
}
