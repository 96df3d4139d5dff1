package edit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/oncall/internal/edit"
	"nezuban/oncall/schedule"
)

// turn is one turn of a line, as a swap names it.
type turn struct {
	from, to time.Time
	people   []string
}

// name is the text that a swap has for a turn of one person.
func (u turn) name(zone *time.Location) string {
	return fmt.Sprintf("%s %s", u.people[0], u.from.In(zone).Format("2006-01-02"))
}

// turnsAfter are the turns of a line that begin after a time, at most so many.
func turnsAfter(l schedule.Line, at time.Time, most int) []turn {
	var turns []turn
	if at.Before(l.Begin) {
		at = l.Begin
	}
	for len(turns) < most {
		_, _, next, ok := l.Turn(at)
		if !ok || next.IsZero() {
			break
		}
		index, from, to, ok := l.Turn(next)
		if !ok || to.IsZero() {
			break
		}
		turns = append(turns, turn{from, to, l.Ring[index]})
		at = from
	}
	return turns
}

// A swap makes each of two people serve the turn of the other. It stands below everything else, and nobody else's time
// changes, nor any other of theirs.
func TestSwapTradesTwoTurns(t *testing.T) {
	drawn, made := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text, people := ringFile(t)
		before, err := schedule.Parse("oncall.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		line := before.Lines()[0]
		at := time.Date(2026, 1, 1, rapid.IntRange(0, 24*500).Draw(t, "now"), 0, 0, 0, time.UTC)
		turns := turnsAfter(line, at, 8)
		i := rapid.IntRange(0, len(turns)-2).Draw(t, "one")
		a, b := turns[i], turns[rapid.IntRange(i+1, len(turns)-1).Draw(t, "other")]
		drawn++
		layer := rapid.SampledFrom([]string{"", "base"}).Draw(t, "layer")
		out, err := edit.Swap("oncall.toml", []byte(text), at, "api", layer, [2]string{a.name(line.Zone()), b.name(line.Zone())})
		if err != nil {
			if a.people[0] != b.people[0] && line.Hours == 0 {
				t.Fatalf("%v: %v and %v in\n%s", err, a, b, text)
			}
			return // with oneself, or one of several turns of a day
		}
		made++
		if !strings.HasPrefix(string(out), text+"\n[[change]]\nswap = ") {
			t.Fatalf("%v, %v: it does not stand at the end of\n%s", people, turns, out)
		}
		after, err := schedule.Parse("oncall.toml", out)
		if err != nil {
			t.Fatal(err)
		}
		for was := range before.Shifts("api", at.AddDate(-1, 0, 0), turns[len(turns)-1].to) {
			for is := range after.Shifts("api", was.From, was.To) {
				want := was.People
				switch {
				case len(want) == 0:
				case !is.From.Before(a.from) && is.From.Before(a.to):
					want = b.people
				case !is.From.Before(b.from) && is.From.Before(b.to):
					want = a.people
				}
				if !slices.Equal(is.People, want) {
					t.Fatalf("from %s on it is %v, want %v, in\n%s", is.From, is.People, want, out)
				}
			}
		}
	})
	if made < drawn/3 {
		t.Errorf("only %d of %d swaps were made", made, drawn)
	}
}
