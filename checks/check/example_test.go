package check_test

import (
	"fmt"
	"time"

	"nezuban/checks/check"
)

func ExampleQuorum() {
	checks, err := check.Parse("checks.toml", []byte(`
		locations = ["tokyo", "frankfurt", "oregon"]
		[[check]]
		name = "shop"
		url = "https://shop.example/health"`))
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	latest := map[string]check.Result{
		"tokyo":     {Time: now, Outcome: check.ConnectionFailed},
		"frankfurt": {Time: now, Outcome: check.Success},
		"oregon":    {Time: now, Outcome: check.Success},
	}
	fmt.Println(check.Quorum(checks[0], latest, now))

	latest["oregon"] = check.Result{Time: now, Outcome: check.Timeout}
	fmt.Println(check.Quorum(checks[0], latest, now))

	fmt.Println(check.Quorum(checks[0], latest, now.Add(time.Hour)))
	// Output:
	// degraded
	// down
	// unknown
}
