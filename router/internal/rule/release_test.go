package rule_test

import (
	"maps"
	"testing"
	"time"
)

// Docker tells of a container's health only when it changes: what a person has resolved is said again without another event.
func TestUnhealthyIsSaidAgainAfterItWasReleased(t *testing.T) {
	const firing, resolved = "ticket firing health|web|h1", "ticket resolved health|web|h1"
	tests := []struct {
		name string
		then []told // in the same moment
		keys []string
		want []string
	}{
		{"still unhealthy", nil, []string{"health|web|h1"}, []string{firing}},
		{"one of several", nil, []string{"died|web|h1", "health|web|h1"}, []string{firing}},
		{"another container's", nil, []string{"health|db|h1", "health|web|h2", "health"}, nil},
		{"another rule's", nil, []string{"died|web|h1", "oom|web|h1"}, nil},
		{"healthy before the next tick", []told{{second: 9.5, text: "health_status health=healthy"}}, []string{"health|web|h1"}, []string{resolved}},
		{"unhealthy before the next tick", []told{{second: 9.5, text: "health_status health=unhealthy"}}, []string{"health|web|h1"}, []string{firing}},
		{"gone before the next tick", []told{{second: 9.5, text: "destroy"}}, []string{"health|web|h1"}, []string{resolved}},
	}
	for _, tt := range tests {
		for _, restarted := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", after a restart"}[restarted], func(t *testing.T) {
				w := newWorld(t, containerRules, "")
				play(t, w, []told{{second: 1, text: "health_status health=unhealthy"}})
				w.wait(9 * time.Second)
				said := w.alerts[0]
				w.said()
				delete(w.firing, "health|web|h1")
				w.commit(w.engine.Release(tt.keys...))
				if restarted {
					w.restart()
				}
				play(t, w, tt.then)
				w.wait(time.Second)
				if len(tt.then) == 0 && len(w.alerts) == 1 {
					if again := w.alerts[0]; !maps.Equal(again.Labels, said.Labels) || again.Kind != said.Kind || !again.At.Equal(said.At) {
						t.Errorf("said again: %+v\nat first: %+v", again, said)
					} else if want := "container web is still unhealthy on h1"; again.Summary != want {
						t.Errorf("summary %q, want %q", again.Summary, want)
					}
				}
				writes := w.writes
				w.wait(time.Hour)
				w.expect(tt.want...)
				if w.writes != writes {
					t.Errorf("%d writes in an hour in which nothing happens, want none", w.writes-writes)
				}
				if len(tt.want) == 1 && tt.want[0] == firing {
					w.observe(happened(t, "health_status health=healthy", w.now))
					w.expect(resolved)
				}
			})
		}
	}
}
