package terminal_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"unicode"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/terminal"
)

func died() page.Message {
	return page.Message{
		Kind: page.KindTrigger, IncidentID: "01JINCIDENT", PageID: "01JINCIDENT.1", People: []page.Recipient{{Person: "alice"}},
		Title: "container shop died with exit 137", Rule: "container-died",
		Labels: map[string]string{"host": "web1", "container_name": "shop"},
		Why:    "step 1 of policy api: on call for api until 2026-11-30 09:00 CET",
	}
}

func TestLine(t *testing.T) {
	const usual = "PAGE alice TRIGGERED container-died host=web1 container=shop: container shop died with exit 137 [01JINCIDENT]"
	for _, row := range []struct {
		name   string
		change func(*page.Message)
		want   string
	}{
		{"trigger", func(*page.Message) {}, usual + " — step 1 of policy api: on call for api until 2026-11-30 09:00 CET"},
		{"repeat", func(m *page.Message) { m.Repeat, m.Why = true, "" }, usual + " (repeat)"},
		{"resolve for several", func(m *page.Message) {
			m.Kind, m.Why, m.People = page.KindResolve, "", append(m.People, page.Recipient{Person: "bob"})
		}, strings.Replace(usual, "alice TRIGGERED", "alice,bob RESOLVED", 1)},
		{"update for nobody in particular", func(m *page.Message) { m.Kind, m.Why, m.People = page.KindUpdate, "", nil }, strings.Replace(usual, "alice TRIGGERED", "everyone UPDATED", 1)},
		{"acknowledge", func(m *page.Message) { m.Kind, m.Why = page.KindAcknowledge, "" }, strings.Replace(usual, "TRIGGERED", "ACKNOWLEDGED", 1)},
		{"check", func(m *page.Message) {
			m.Why, m.Rule, m.Title = "", "check-down", "shop is down from 2 of 3 locations"
			m.Labels = map[string]string{"check": "shop", "target": "https://shop.example/", "team": "web"}
		}, "PAGE alice TRIGGERED check-down check=shop target=https://shop.example/: shop is down from 2 of 3 locations [01JINCIDENT]"},
		{
			"hostile title", func(m *page.Message) {
				m.Why, m.Title = "", "\x1b]0;owned\a\x1b[2J down\r\nPAGE bob \u202eflip\u009b31m"
			},
			"PAGE alice TRIGGERED container-died host=web1 container=shop: ]0;owned[2J down PAGE bob flip31m [01JINCIDENT]",
		},
		{"hostile label", func(m *page.Message) {
			m.Why, m.Labels = "", map[string]string{"host": "web1: all is well [01J]\nPAGE", "container_name": "a container=b"}
		}, `PAGE alice TRIGGERED container-died host="web1: all is well [01J] PAGE" container="a container=b": container shop died with exit 137 [01JINCIDENT]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := died()
			row.change(&m)
			if got := terminal.Line(m); got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

// writes notes each call; it is not safe for concurrent use, which the race detector would tell.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestEachPageIsOneWrite(t *testing.T) {
	var out writes
	p := terminal.New(&out)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if id, err := p.Page(t.Context(), died()); id != "" || err != nil {
				t.Errorf("id %q, error %v", id, err)
			}
		})
	}
	all.Wait()
	if len(out) != 20 {
		t.Fatalf("%d writes, want 20", len(out))
	}
	for _, line := range out {
		if line != terminal.Line(died())+"\n" {
			t.Errorf("wrote %q", line)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the terminal is gone") }

func TestLineThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	_, err := terminal.New(broken{}).Page(t.Context(), died())
	if err == nil || page.IsPermanent(err) || !strings.Contains(err.Error(), "the terminal is gone") {
		t.Errorf("got %v, want an error worth another try", err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("container shop died", "web1", "alice", "step 1", true)
	f.Add("\x1b[2J\nPAGE bob TRIGGERED", "a\r\nb", "\u2028", "\u202e\u0085", false)
	f.Add("\xff\xc2\x9b", "\x9b31m", "\x00", strings.Repeat("x", 5000), false)
	f.Fuzz(func(t *testing.T, title, host, person, why string, repeat bool) {
		line := terminal.Line(page.Message{
			Kind: page.KindTrigger, IncidentID: "01J", Title: title, Rule: title, Why: why, Repeat: repeat,
			People: []page.Recipient{{Person: person}}, Labels: map[string]string{"host": host, "check": title},
		})
		if !strings.HasPrefix(line, "PAGE ") || !strings.Contains(line, " [01J]") {
			t.Errorf("lost its frame: %q", line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("speaks to the terminal: %q", line)
		}
		if length := len([]rune(line)); length > 2000 {
			t.Errorf("%d characters", length)
		}
	})
}
