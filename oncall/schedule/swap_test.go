package schedule_test

import (
	"strings"
	"testing"
)

// Fine print 12: a swap touches no shadow, and a shadow does not make it ambiguous which turns are meant.
func TestSwapLeavesWhoLearnsAlone(t *testing.T) {
	ring := `every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob", "carol"]`
	later := `every = "1w", from = "2026-02-02 09:00", who = ["alice", "bob", "carol"]`
	tests := []struct{ name, layers, swap, at, people, shadow string }{
		{
			"the same ring learns beside it", api(line("base", ring), line("learn", ring+", shadow = true")),
			`turns = ["alice 2026-01-05", "bob 2026-01-12"]`, "2026-01-07T12:00:00Z", "bob", "alice",
		},
		{
			"the layer is named", api(line("learn", ring+", shadow = true"), line("base", ring)),
			`layer = "base", turns = ["alice 2026-01-05", "bob 2026-01-12"]`, "2026-01-14T12:00:00Z", "alice", "bob",
		},
		{
			"a layer of which one line was a shadow", api(line("base", ring+`, to = "2026-02-02 09:00", shadow = true`), line("base", later)),
			`turns = ["alice 2026-02-02", "bob 2026-02-09"]`, "2026-02-03T12:00:00Z", "bob", "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := mustParse(t, rotation(test.layers+swapOf(test.swap))).Who("api", instant(t, test.at))
			if err != nil {
				t.Fatal(err)
			}
			if people, shadow := strings.Join(a.People, ", "), strings.Join(a.Shadow, ", "); people != test.people || shadow != test.shadow {
				t.Errorf("on call %q, shadow %q, want %q and %q", people, shadow, test.people, test.shadow)
			}
		})
	}
}
