package rule_test

import (
	"testing"
	"time"
)

const shopCheck = `
locations = ["tokyo", "frankfurt", "oregon"]
[[check]]
name = "shop"
url = "https://shop.example/"
interval = "30s"
labels = { team = "web" }
`

const (
	shopDown = "page firing check-down|shop"
	shopUp   = "page resolved check-down|shop"
)

func TestQuorum(t *testing.T) {
	type says struct {
		location string
		ok       bool
	}
	tests := []struct {
		name  string
		says  []says // a second apart
		after time.Duration
		want  []string
	}{
		{"one location is not a quorum", []says{{"tokyo", false}, {"oregon", true}, {"frankfurt", true}}, time.Hour, nil},
		{"two of three, on arrival of the second", []says{{"tokyo", false}, {"oregon", false}}, 0, []string{shopDown}},
		{
			"one of them recovers: below the quorum, and nobody silent",
			[]says{{"tokyo", false}, {"oregon", false}, {"frankfurt", true}, {"tokyo", true}},
			0,
			[]string{shopDown, shopUp},
		},
		{"silence does not resolve", []says{{"tokyo", false}, {"oregon", false}}, time.Hour, []string{shopDown}},
		{"one recovers, the third is silent: unknown", []says{{"tokyo", false}, {"oregon", false}, {"tokyo", true}}, time.Hour, []string{shopDown}},
		{"one location twice is one voice", []says{{"tokyo", false}, {"tokyo", false}, {"tokyo", false}}, time.Hour, nil},
		{"an unlisted location has no voice", []says{{"tokyo", false}, {"mars", false}, {"venus", false}}, time.Hour, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "", shopCheck)
			for _, s := range tt.says {
				w.wait(time.Second)
				p := probe("shop", s.location, s.ok, w.now)
				w.observe(p)
				w.observe(p)
			}
			w.wait(tt.after)
			w.expect(tt.want...)
		})
	}
}

func TestQuorumAlert(t *testing.T) {
	w := newWorld(t, "", shopCheck)
	w.observe(probe("shop", "tokyo", false, w.now), probe("shop", "oregon", false, w.now), probe("other", "tokyo", false, w.now))
	if len(w.alerts) != 1 {
		t.Fatalf("%d alerts, want 1", len(w.alerts))
	}
	a := w.alerts[0]
	if want := "check shop is down: https://shop.example/ (oregon: connection failed; tokyo: connection failed)"; a.Summary != want {
		t.Errorf("summary %q, want %q", a.Summary, want)
	}
	for name, want := range map[string]string{"check": "shop", "target": "https://shop.example/", "team": "web"} {
		if a.Labels[name] != want {
			t.Errorf("label %s = %q, want %q", name, a.Labels[name], want)
		}
	}
}

// TestQuorumRestart: old successes that are sent again after a start resolve nothing.
func TestQuorumRestart(t *testing.T) {
	w := newWorld(t, "", shopCheck)
	before := w.now
	w.wait(10 * time.Second)
	w.observe(probe("shop", "tokyo", false, w.now), probe("shop", "oregon", false, w.now))
	w.expect(shopDown)
	w.restart()
	for _, location := range []string{"tokyo", "oregon", "frankfurt"} {
		w.observe(probe("shop", location, true, before))
	}
	w.wait(5 * time.Second)
	w.expect()
	for _, location := range []string{"tokyo", "oregon", "frankfurt"} {
		w.observe(probe("shop", location, true, w.now))
	}
	w.expect(shopUp)
}
