package edit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
	"nezuban/oncall/internal/edit"
	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// someEdit draws an edit of a drawn file.
func someEdit(t *rapid.T, f *schedule.File, data []byte, at time.Time) ([]byte, error) {
	person := rapid.SampledFrom([]string{"alice", "bob", "carol"})
	day := func(label string, from, to int) string {
		return at.AddDate(0, 0, rapid.IntRange(from, to).Draw(t, label)).Format("2006-01-02")
	}
	span := edit.Span{From: day("from", 1, 20), To: day("to", 20, 40)}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return edit.Cover("oncall.toml", data, at, "api", person.Draw(t, "by"), person.Draw(t, "for"), span)
	case 1:
		return edit.Add("oncall.toml", data, at, "api", person.Draw(t, "who"), span)
	case 2:
		return edit.Off("oncall.toml", data, at, person.Draw(t, "who"), span)
	case 3:
		return edit.Join("oncall.toml", data, at, edit.Joining{Person: "erin", Schedule: "api", Layer: "l0", Page: []string{"sms"}})
	case 4:
		return edit.Leave("oncall.toml", data, at, edit.Leaving{Person: person.Draw(t, "who")})
	default:
		return someSwap(t, f, data, at)
	}
}

// someSwap draws two turns of the lowest layer, of which those of nobody cannot be traded.
func someSwap(t *rapid.T, f *schedule.File, data []byte, at time.Time) ([]byte, error) {
	line := f.Lines()[0]
	turns := slices.DeleteFunc(turnsAfter(line, at, 8), func(u turn) bool { return len(u.people) == 0 })
	if len(turns) < 2 {
		return nil, errors.New("no two turns")
	}
	one := rapid.SampledFrom(turns)
	return edit.Swap("oncall.toml", data, at, line.Schedule, line.Layer, [2]string{one.Draw(t, "one").name(line.Zone()), one.Draw(t, "other").name(line.Zone())})
}

// An edit leaves every line of the file as it is but those of the rings that it cuts, and nobody's past changes.
func TestEditsLeaveTheRestAlone(t *testing.T) {
	asked, made := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		asked++
		f := drawn.Draw(t)
		text := "# first\n" + strings.ReplaceAll(f.Text, "[people]", "[people] # who") + "# last\n"
		at := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "now")), 15, 12, 0, 0, 0, time.UTC)
		out, err := someEdit(t, f.File, []byte(text), at)
		if err != nil {
			if out != nil {
				t.Fatalf("%v, and a text", err)
			}
			return
		}
		made++
		after, err := schedule.Parse("oncall.toml", out)
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		left := strings.Split(string(out), "\n")
		for line := range strings.SplitSeq(text, "\n") {
			i := slices.Index(left, line)
			if i < 0 && !strings.Contains(line, "every = ") {
				t.Fatalf("the line %q is gone, or moved, in\n%s", line, out)
			}
			left = left[max(i+1, 0):]
		}
		if moved := report.Moves(f.File, after, f.Schedules(), at.AddDate(-2, 0, 0), at); len(moved) > 0 {
			t.Fatalf("the past changes: %+v", moved)
		}
	})
	if made < asked/10 {
		t.Errorf("only %d of %d edits were made", made, asked)
	}
}

// ringFile is a file with one ring of different people.
func ringFile(t *rapid.T) (text string, people []string) {
	people = []string{"alice", "bob", "carol", "dan"}[:rapid.IntRange(1, 4).Draw(t, "people")]
	every := rapid.SampledFrom([]string{"1d", "2d", "1w", "3w", "12h", "8h", "1mo"}).Draw(t, "every")
	more := ""
	if !strings.HasSuffix(every, "h") && rapid.Bool().Draw(t, "shifts") {
		more = `, when = "Mon-Fri 08:00-18:00", count = "shifts"`
	}
	text = fmt.Sprintf("zone = %q\n[people]\n", rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}).Draw(t, "zone"))
	for _, p := range []string{"alice", "bob", "carol", "dan", "erin"} {
		text += p + " = {}\n"
	}
	text += fmt.Sprintf("[schedule.api]\nlayers = [{ name = \"base\", every = %q, from = \"2026-01-05 08:00\", who = [\"%s\"]%s }]\n", every, strings.Join(people, `", "`), more)
	return text, people
}

// holders are who serves one after the other from a time on; who serves on is there once.
func holders(f *schedule.File, from time.Time, but string, most int) []string {
	var names []string
	for shift := range f.Shifts("api", from, from.AddDate(3, 0, 0)) {
		if len(shift.People) == 0 || shift.People[0] == but {
			continue
		}
		if last := len(names) - 1; last < 0 || names[last] != shift.People[0] {
			names = append(names, shift.People[0])
		}
		if len(names) == most {
			break
		}
	}
	return names
}

// After somebody has joined, the others serve in the order in which they would have, and when the same person leaves at
// the same handoff nothing has changed at all.
func TestJoinKeepsTheOrderAndLeaveUndoesIt(t *testing.T) {
	asked, made := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		asked++
		text, people := ringFile(t)
		before, err := schedule.Parse("oncall.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, rapid.IntRange(0, 24*500).Draw(t, "now"), 0, 0, 0, time.UTC)
		out, err := edit.Join("oncall.toml", []byte(text), at, edit.Joining{Person: "erin", Schedule: "api"})
		if err != nil {
			return // at a change of the clock, or of a month
		}
		made++
		joined, err := schedule.Parse("oncall.toml", out)
		if err != nil {
			t.Fatal(err)
		}
		lines := joined.Lines()
		begin := lines[len(lines)-1].Begin
		if !begin.After(at) {
			t.Fatalf("they join at %s, which is not after %s", begin, at)
		}
		if was, is := holders(before, begin, "", 8), holders(joined, begin, "erin", 8); len(people) > 1 && !slices.Equal(was, is) {
			t.Fatalf("from %s on it would be %v, and is %v, in\n%s", begin, was, is, out)
		}
		if !slices.Contains(holders(joined, begin, "", 2*len(people)+2), "erin") {
			t.Fatalf("erin never serves in\n%s", out)
		}
		if moved := report.Moves(before, joined, []string{"api"}, begin.AddDate(-1, 0, 0), begin); len(moved) > 0 {
			t.Fatalf("others serve before that: %+v", moved)
		}
		back, err := edit.Leave("oncall.toml", out, at, edit.Leaving{Person: "erin"})
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		left, err := schedule.Parse("oncall.toml", back)
		if err != nil {
			t.Fatal(err)
		}
		if moved := report.Moves(before, left, []string{"api"}, at.AddDate(-1, 0, 0), at.AddDate(2, 0, 0)); len(moved) > 0 {
			t.Fatalf("after they have left: %+v, in\n%s", moved, back)
		}
	})
	if made < asked/3 {
		t.Errorf("only %d of %d people joined", made, asked)
	}
}

// Whatever can be used can be edited, or the edit is refused: it never panics, and never leaves what cannot be used.
func FuzzEdits(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatal(err)
	}
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
			if file.Name == "before" {
				f.Add(file.Data, byte(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		if len(data) > 8<<10 {
			return
		}
		file, err := schedule.Parse("oncall.toml", data)
		if err != nil {
			return
		}
		on, who := file.Schedules()[0], file.People()[0].Name
		span := edit.Span{From: "2026-02-01", To: "2026-02-20"}
		var out []byte
		switch kind % 6 {
		case 0:
			out, err = edit.Cover("oncall.toml", data, now, on, who, who, span)
		case 1:
			out, err = edit.Add("oncall.toml", data, now, on, who, span)
		case 2:
			out, err = edit.Off("oncall.toml", data, now, who, span)
		case 3:
			layers := file.Lines()
			out, err = edit.Join("oncall.toml", data, now, edit.Joining{Person: "somebody new", Schedule: on, Layer: layers[0].Layer, Page: []string{"sms"}})
		case 4:
			out, err = edit.Leave("oncall.toml", data, now, edit.Leaving{Person: who})
		default:
			line := file.Lines()[0]
			turns := slices.DeleteFunc(turnsAfter(line, now, 8), func(u turn) bool { return len(u.people) == 0 })
			if len(turns) == 0 {
				return
			}
			out, err = edit.Swap("oncall.toml", data, now, on, line.Layer, [2]string{turns[0].name(line.Zone()), turns[len(turns)-1].name(line.Zone())})
		}
		if err != nil {
			return
		}
		if _, err := schedule.Parse("oncall.toml", out); err != nil {
			t.Fatalf("%v\n%s\nfrom\n%s", err, out, data)
		}
	})
}
