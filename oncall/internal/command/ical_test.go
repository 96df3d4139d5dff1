package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nezuban/oncall/internal/drawn"
)

// icalPeople have whatever a calendar takes for its own: commas, semicolons, colons, quotes, backslashes, what looks like
// a new line or a property, characters of four bytes, and more than fits a line.
const icalPeople = `zone = "Europe/Berlin"
[people]
"Müller, Hans; \"H\"" = {}
'b\nb: END:VEVENT' = { zone = "Asia/Kathmandu" }
"不寝番 👩‍👩‍👧‍👦 nobody's name is that long but it must not be cut in the middle of a character 不寝番 不寝番 不寝番" = {}
dan = {}
`

const icalFile = icalPeople + `[schedule."api, web; \\ \"all\": 不寝番"]
layers = [
  { name = "base, one;", every = "1w", from = "2026-01-05 09:00", who = ["dan", "Müller, Hans; \"H\"", 'b\nb: END:VEVENT'] },
  { name = "night", every = "1d", from = "2026-01-05 22:00", when = "22:00-06:00", who = ["-", ["dan", "不寝番 👩‍👩‍👧‍👦 nobody's name is that long but it must not be cut in the middle of a character 不寝番 不寝番 不寝番"], "-"] },
]
[schedule.db]
layers = [{ name = "base, one;", every = "1w", from = "2026-01-05 09:00", who = ["Müller, Hans; \"H\"", "dan"] }]
`

// icalEvent is what of an event a calendar shows and goes by.
type icalEvent struct {
	UID, Summary, Description string
	From, To                  time.Time
}

// events runs shifts and has its calendar read by a parser that is not ours.
func events(t testing.TB, text string, now time.Time, args ...string) []icalEvent {
	t.Helper()
	out := runShifts(t, text, now, append(args, "--format", "ical")...)
	if bare := strings.ReplaceAll(out, "\r\n", ""); strings.ContainsAny(bare, "\r\n") {
		t.Fatalf("a bare CR or LF in\n%q", out)
	}
	for line := range strings.SplitSeq(out, "\r\n") {
		if len(line) > 75 {
			t.Fatalf("%d octets in %q", len(line), line)
		}
	}
	calendar, err := ics.ParseCalendar(strings.NewReader(out))
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	for _, p := range calendar.CalendarProperties {
		if p.IANAToken == "METHOD" {
			t.Error("a METHOD: the calendar would be taken for an invitation")
		}
	}
	var found []icalEvent
	for _, e := range calendar.Events() {
		from, err := e.GetStartAt()
		if err != nil {
			t.Fatal(err)
		}
		to, err := e.GetEndAt()
		if err != nil {
			t.Fatal(err)
		}
		stamp, err := e.GetDtStampTime()
		if err != nil || !stamp.Equal(now) {
			t.Fatalf("DTSTAMP %v, %v, at %v", stamp, err, now)
		}
		found = append(found, icalEvent{
			UID: e.Id(), From: from, To: to,
			Summary:     e.GetProperty(ics.ComponentPropertySummary).Value,
			Description: e.GetProperty(ics.ComponentPropertyDescription).Value,
		})
	}
	return found
}

func runShifts(t testing.TB, text string, now time.Time, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "oncall.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	if code := Run(append([]string{"shifts", file}, args...), World{Out: &out, Err: &problems, Now: now}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, problems.String())
	}
	return out.String()
}

var icalNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// icalCalendars are those of everybody, of each schedule and of each person.
func icalCalendars() map[string][]string {
	return map[string][]string{
		"all":    nil,
		"api":    {"--schedule", `api, web; \ "all": 不寝番`},
		"db":     {"--schedule", "db"},
		"Müller": {"--person", `Müller, Hans; "H"`}, "bob": {"--person", `b\nb: END:VEVENT`}, "dan": {"--person", "dan"},
	}
}

// TestICalByAnotherParser has each calendar read back as the JSON of the same shifts has it.
func TestICalByAnotherParser(t *testing.T) {
	span := []string{"--from", "2026-03-01T00:00:00Z", "--to", "2026-05-01T00:00:00Z"}
	begin, end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for name, args := range icalCalendars() {
		t.Run(name, func(t *testing.T) {
			args := append(slices.Clone(span), args...)
			got := events(t, icalFile, icalNow, args...)
			var want []icalEvent
			for line := range strings.Lines(runShifts(t, icalFile, icalNow, append(args, "--json")...)) {
				var s struct {
					Schedule string
					From, To time.Time
					People   []string
					UID      *string
				}
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					t.Fatal(err)
				}
				if s.From.Before(begin) || s.To.After(end) {
					t.Fatalf("%q is outside of the time asked for", line)
				}
				if s.UID != nil {
					want = append(want, icalEvent{UID: *s.UID, Summary: s.Schedule + ": " + strings.Join(s.People, ", "), From: s.From, To: s.To})
				}
			}
			if len(got) != len(want) || len(got) < 5 {
				t.Fatalf("%d events, %d shifts", len(got), len(want))
			}
			for i, e := range got {
				// The JSON is cut to the time asked for, events are whole.
				if e.From.Before(begin) {
					e.From = begin
				}
				if e.To.After(end) {
					e.To = end
				}
				if e.UID != want[i].UID || e.Summary != want[i].Summary || !e.From.Equal(want[i].From) || !e.To.Equal(want[i].To) {
					t.Errorf("event %q, shift %q", e, want[i])
				}
				if !strings.Contains(e.Description, ": layer ") {
					t.Errorf("description %q", e.Description)
				}
			}
		})
	}
}

// TestICalStays: another run at another time, for another span, gives the same events and more or fewer.
func TestICalStays(t *testing.T) {
	for name, args := range icalCalendars() {
		t.Run(name, func(t *testing.T) {
			first := events(t, icalFile, icalNow, append(slices.Clone(args), "--from", "2026-03-01", "--to", "2026-05-01")...)
			later := events(t, icalFile, icalNow.AddDate(0, 0, 9).Add(time.Hour), append(slices.Clone(args), "--from", "2026-04-01 13:37", "--to", "2026-06-01")...)
			common := 0
			for _, e := range first {
				i := slices.IndexFunc(later, func(l icalEvent) bool { return l.UID == e.UID })
				switch {
				case i >= 0:
					common++
					if diff := cmp.Diff(e, later[i]); diff != "" {
						t.Errorf("(-first +later):\n%s", diff)
					}
				case e.To.After(time.Date(2026, 4, 1, 11, 37, 0, 0, time.UTC)):
					t.Errorf("%v is missing later", e)
				}
			}
			if common < 3 {
				t.Errorf("%d events in common", common)
			}
		})
	}
}

// TestICalKeepsUIDs: a shift that a change gives to somebody else keeps its UID in the schedule's calendar, so that a
// calendar changes its event and does not add a second one.
func TestICalKeepsUIDs(t *testing.T) {
	base := icalPeople + `[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["dan", "Müller, Hans; \"H\""] }]
`
	tests := []struct{ name, edited string }{
		{"a cover for a whole turn", base + "[[change]]\ncover = { on = \"api\", by = 'b\\nb: END:VEVENT', for = \"dan\", from = \"2026-03-16 09:00\", to = \"2026-03-23 09:00\" }\n"},
		{"a cover for its end", base + "[[change]]\ncover = { on = \"api\", by = 'b\\nb: END:VEVENT', for = \"dan\", from = \"2026-03-20\", to = \"2026-03-23 09:00\" }\n"},
		{"a swap", base + "[[change]]\nswap = { on = \"api\", turns = [\"dan 2026-03-16\", 'Müller, Hans; \"H\" 2026-03-23'] }\n"},
		{"away", base + "[[change]]\noff = { who = \"dan\", from = \"2026-03-16 09:00\", to = \"2026-03-23 09:00\" }\n"},
		{"somebody joins", strings.Replace(base, `layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["dan", "Müller, Hans; \"H\""] }]`,
			`layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", to = "2026-03-16 09:00", who = ["dan", "Müller, Hans; \"H\""] },
  { name = "base", every = "1w", from = "2026-03-16 09:00", who = ['b\nb: END:VEVENT', "dan", "Müller, Hans; \"H\""] },
]`, 1)},
	}
	span := []string{"--from", "2026-03-01", "--to", "2026-05-01"}
	before := events(t, base, icalNow, span...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			after := events(t, test.edited, icalNow.Add(time.Hour), span...)
			changed := 0
			for _, e := range before {
				i := slices.IndexFunc(after, func(a icalEvent) bool { return a.UID == e.UID })
				if i < 0 || !after[i].From.Equal(e.From) {
					t.Errorf("%v has lost its UID", e)
					continue
				}
				if after[i].Summary != e.Summary || !after[i].To.Equal(e.To) {
					changed++
				}
			}
			if changed == 0 || len(before) != 10 {
				t.Errorf("%d of %d events have changed: the test shows nothing", changed, len(before))
			}
		})
	}
}

// TestICalUIDsAreUnique holds within any calendar of any file.
func TestICalUIDsAreUnique(t *testing.T) {
	file := filepath.Join(t.TempDir(), "oncall.toml")
	rapid.Check(t, func(r *rapid.T) {
		f := drawn.Draw(r)
		if err := os.WriteFile(file, []byte(f.Text), 0o600); err != nil {
			r.Fatal(err)
		}
		args := []string{"shifts", file, "--format", "ical", "--to", "2026-12-31"}
		if who := rapid.SampledFrom([]string{"", "alice", "bob", "carol"}).Draw(r, "who"); who != "" {
			args = append(args, "--person", who)
		}
		var out, problems bytes.Buffer
		if code := Run(args, World{Out: &out, Err: &problems, Now: icalNow}); code != exitOK {
			r.Fatal(problems.String())
		}
		calendar, err := ics.ParseCalendar(&out)
		if err != nil {
			r.Fatal(err)
		}
		seen := map[string]bool{}
		for _, e := range calendar.Events() {
			if e.Id() == "" || seen[e.Id()] {
				r.Fatalf("the UID %q comes twice in %v of\n%s", e.Id(), args, f.Text)
			}
			seen[e.Id()] = true
		}
	})
}
