package rule_test

import (
	"errors"
	"strings"
	"testing"

	"nezuban/agent/tomlfile"
)

func TestCompileRefuses(t *testing.T) {
	const ok = "[[rule]]\nid = \"a\"\nkind = \"container_died\"\n"
	tests := []struct {
		name, config string
		want         []string // parts of the problems, in order of their lines
	}{
		{"nothing at all", "", nil},
		{"three mistakes, each with its line", `
[[rule]]
id = "A!"
kind = "threshold"
measurement = "mem"
above = 3

[[rule]]
id = "b"
kind = "absent"

[[rule]]
id = "b"
kind = "container_oom"
`, []string{`router.toml:2: rule[0].field: found nothing, expected the name of a field`, `router.toml:3: rule[0].id: found "A!"`, `router.toml:10: rule[1].kind: found "absent"`, `router.toml:13: rule[2].id: found "b", expected an id that no other rule has`}},
		{"no id", "[[rule]]\nkind = \"container_died\"", []string{"rule[0].id: found nothing"}},
		{"an id that is taken by the checks", "[[rule]]\nid = \"check-down\"\nkind = \"container_died\"", []string{`found "check-down"`}},
		{"an unknown key", ok + "limit = 3", []string{`unknown key "limit"`}},
		{"a key that the kind has no use for", ok + "for = \"5m\"", []string{"rule[0].for: found \"for\", expected no such key: a rule of kind container_died has no use for it"}},
		{"an unknown severity", ok + "severity = \"loud\"", []string{`rule[0].severity: found "loud", expected page, ticket or info`}},
		{"containers are told apart by host and name only", ok + "where = { image = \"x\" }", []string{`rule[0].where.image: found "image"`}},
		{"above and below", "[[rule]]\nid = \"a\"\nkind = \"threshold\"\nmeasurement = \"mem\"\nfield = \"used\"\nabove = 1\nbelow = 2", []string{"expected either above or below"}},
		{"absence without a length", "[[rule]]\nid = \"a\"\nkind = \"absence\"\nmeasurement = \"nezuban_agent\"", []string{"rule[0].after"}},
		{"a tag twice", "[[rule]]\nid = \"a\"\nkind = \"absence\"\nmeasurement = \"nezuban_agent\"\nafter = \"2m\"\nby = [\"host\", \"host\"]", []string{"rule[0].by"}},
		{"words that nothing fills", "[[rule]]\nid = \"a\"\nkind = \"absence\"\nmeasurement = \"nezuban_agent\"\nafter = \"2m\"\nsummary = \"{hots} is gone\"", []string{"rule[0].summary"}},
		{"words without an end", "[[rule]]\nid = \"a\"\nkind = \"absence\"\nmeasurement = \"nezuban_agent\"\nafter = \"2m\"\nsummary = \"{host is gone\"", []string{"rule[0].summary"}},
		{"an objective that could never fire", "[[slo]]\nid = \"s\"\ncheck = \"shop\"\nobjective = 93", []string{"router.toml:4: slo[0].objective: found 93, expected an objective above 93.06"}},
		{"an objective of no check", "[[slo]]\nid = \"s\"\ncheck = \"shpo\"\nobjective = 99.9", []string{`slo[0].check: found "shpo"`}},
		{"a period too short", "[[slo]]\nid = \"s\"\ncheck = \"shop\"\nobjective = 99.9\nperiod = \"7d\"", []string{`slo[0].period: found "7d"`}},
		{"a period that is none", "[[slo]]\nid = \"s\"\ncheck = \"shop\"\nobjective = 99.9\nperiod = \"720h\"", []string{`a number of days, such as "30d"`}},
		{"min_bad of zero", "[[slo]]\nid = \"s\"\ncheck = \"shop\"\nobjective = 99.9\nmin_bad = 0", []string{"slo[0].min_bad"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := compile(tt.config, shopCheck)
			var problems tomlfile.Problems
			errors.As(err, &problems)
			if len(problems) != len(tt.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(problems), len(tt.want), err)
			}
			for i, want := range tt.want {
				if got := problems[i].Error(); !strings.Contains(got, want) {
					t.Errorf("problem %d: %s\nwant %s", i, got, want)
				}
			}
		})
	}
}

// TestCompileExample reads the example of the documentation of Config.
func TestCompileExample(t *testing.T) {
	const example = `
absence_grace = "60s"             # after a start, how long nothing is called absent

[[rule]]
id = "container-died"
kind = "container_died"           # or container_oom, container_unhealthy

[[rule]]
id = "container-memory"
kind = "threshold"
measurement = "docker_container_mem"
field = "usage_percent"
above = 90.0                      # or below; strictly
for = "5m"
where = { container_image = "postgres" }
by = ["host", "container_name"]   # one alert each
severity = "ticket"
labels = { team = "db" }
summary = "{container_name} on {host} uses {value} % of its memory"

[[rule]]
id = "agent-gone"
kind = "absence"
measurement = "nezuban_agent"
after = "2m"

[[slo]]
id = "shop-availability"
check = "shop"
objective = 99.9
period = "30d"
`
	if _, err := compile(example, shopCheck); err != nil {
		t.Error(err)
	}
}
