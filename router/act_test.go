package main

import (
	"strings"
	"testing"

	"nezuban/router/internal/web"
)

func TestWhatIsSaidOfAnAction(t *testing.T) {
	for _, row := range []struct {
		name string
		say  func(web.Acted) string
		done web.Acted
		want string
	}{
		{"acknowledged", taking("acknowledged"), web.Acted{}, "acknowledged"},
		{"taken over", taking("acknowledged"), web.Acted{TakenOverFrom: "bob\x1b"}, "acknowledged, taken over from bob\ufffd"},
		{"resolved", resolved, web.Acted{}, "resolved"},
		{"a condition that goes on", resolved, web.Acted{StillFiring: []string{"x"}}, "resolved; its cause goes on as far as the router knows, and pages anew when it is heard of: snooze an incident to have peace"},
	} {
		if got := strings.TrimSpace(row.say(row.done)); got != row.want {
			t.Errorf("%s: found %q, want %q", row.name, got, row.want)
		}
	}
}
