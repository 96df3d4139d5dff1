package schedule_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
)

var update = flag.Bool("update", false, "write what is refused into the files of testdata/invalid")

// Each file of testdata/invalid has one mistake, and begins with the whole of what is said about it.
func TestParseRefuses(t *testing.T) {
	paths, err := filepath.Glob("testdata/invalid/*.toml")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, text := splitWant(string(data))
			f, err := schedule.Parse("oncall.toml", []byte(text))
			if err == nil {
				t.Fatalf("accepted as %v", f)
			}
			if f != nil {
				t.Error("a refused file must give nil")
			}
			if _, ok := errors.AsType[tomlfile.Problems](err); !ok {
				t.Errorf("%v: not Problems", err)
			}
			if *update {
				out := "# want: " + strings.ReplaceAll(err.Error(), "\n", "\n# want: ") + "\n" + text
				if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if err.Error() != want {
				t.Errorf("got:\n%v\nwant:\n%s", err, want)
			}
			if strings.HasPrefix(filepath.Base(path), "unbuilt-") && !strings.Contains(err.Error(), "not built yet") {
				t.Error(`it does not say "not built yet"`)
			}
		})
	}
}

// splitWant takes the comments that say what is wanted off a file; the rest begins at line 1.
func splitWant(data string) (want, text string) {
	var lines []string
	text = data
	for {
		comment, rest, _ := strings.Cut(text, "\n")
		said, ok := strings.CutPrefix(comment, "# want: ")
		if !ok {
			return strings.Join(lines, "\n"), text
		}
		lines, text = append(lines, said), rest
	}
}

func TestParseRefusesWhatIsNoText(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"ten megabytes", bytes.Repeat([]byte("# a comment\n"), 10<<20/12), "oncall.toml: found more than 524288 bytes, expected at most that many"},
		{"binary", []byte("\x7fELF\x02\x01\x01\x00\x00"), "oncall.toml:1: "},
		{"invalid UTF-8", []byte("zone = \"\xff\xfe\"\n"), "oncall.toml:1: "},
		{"nothing", nil, "oncall.toml: "},
		{"deeply nested", []byte("zone = " + strings.Repeat("[", 100000)), "oncall.toml:1: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := schedule.Parse("oncall.toml", test.data); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s…", err, test.want)
			}
		})
	}
}

func TestParseTakesTheSmallestFile(t *testing.T) {
	f := mustParse(t, "zone = \"UTC\"\n[people]\nalice = {}\n[schedule.api]\nlayers = [{ name = \"base\", from = \"2026-01-05 09:00\", who = [\"alice\"] }]\n")
	if got := f.OnCall(instant(t, "2026-01-05T09:00:00Z"))[0].String(); got != "on call: alice (api, until further notice)" {
		t.Error(got)
	}
}

func TestParseKeepsWhatTheFileSays(t *testing.T) {
	f := mustParse(t, `zone = "Europe/Berlin"
[people]
carol = { page = ["pagerduty", "5m sms", "1h30m terminal"], ticket = ["terminal"], zone = "America/New_York" }
alice = { page = ["sms"] }
[schedule.web]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["alice"] }]
[[schedule.api.layers]]
name = "base"
from = "2026-01-05 09:00"
who = ["carol"]
[policy.second]
steps = [{ page = ["api", "alice"], wait = "90s" }]
fallback = "carol"
[policy.first]
steps = [{ page = "web", wait = "5m" }]
repeat = 2
fallback = "alice"
ack_timeout = "1h"
[[route]]
match = { team = "api", service = "db" }
policy = "first"
[[route]]
policy = "second"
`)
	if got := strings.Join(f.Schedules(), " "); got != "web api" {
		t.Errorf("schedules %s, want those of the file in its order", got)
	}
	carol, ok := f.Person("carol")
	if !ok || f.People()[0].Name != "carol" || carol.Zone.String() != "America/New_York" || carol.Line != 3 {
		t.Errorf("carol: %+v", carol)
	}
	if want := (schedule.Channel{Name: "terminal", Delay: 90 * time.Minute}); len(carol.Page) != 3 || carol.Page[2] != want || len(carol.Ticket) != 1 {
		t.Errorf("channels of carol: %v", carol.Page)
	}
	if p := f.Policies(); len(p) != 2 || p[0].Name != "second" || p[0].AckTimeout != 4*time.Hour || p[0].Steps[0].Wait != 90*time.Second || p[1].AckTimeout != time.Hour || p[1].Repeat != 2 {
		t.Errorf("policies: %+v", p)
	}
	r := f.Routes()
	if len(r) != 2 || !r[0].Matches(map[string]string{"team": "api", "service": "db", "host": "a"}) || r[0].Matches(map[string]string{"team": "api"}) || !r[1].Matches(nil) {
		t.Errorf("routes: %+v", r)
	}
}

func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/invalid/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(rotation(api(line("n", `every = "7h", from = "2026-01-05 09:00", who = ["alice", "-", "bob"], when = ["22:00-06:00", "Fri 18:00-Mon 08:00"]`)))))
	f.Add([]byte(rotation("[holidays]\nde = [2026-12-25, \"2026-12-26\"]\nno = []\n" + api(line("n", `from = "2026-01-05 09:00", who = ["bob"], except = "de"`), line("m", `from = "2026-01-05 09:00", who = ["bob"], only = ["de", "no"]`)))))
	f.Add([]byte(rotation(api(weekly) + offOf("alice", "2026-01-07", "2026-01-08") + addOf("dan", "2026-01-04 09:00", "2026-01-06 09:00") + swapOf(`turns = ["bob 2026-01-14", "carol 2026-01-25"]`))))
	f.Add([]byte(rotation(api(weekly, line("learn", `every = "1d", from = "2026-01-05 09:00", who = ["erin", "alice"], shadow = true`)))))
	f.Add([]byte(rotation("[holidays]\nde = [2026-12-25]\n" + api(line("n", `every = "2d", from = "2026-01-05 09:00", who = ["bob", "alice"], when = "Mon-Fri 09:00-17:00", except = "de", count = "shifts"`)))))
	f.Add([]byte(rotation(api(weekly) + coverOf("dan", "bob", "2026-01-10 09:00", "2026-01-14 09:00"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := schedule.Parse("oncall.toml", data)
		if err != nil {
			var problems tomlfile.Problems
			if file != nil || !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("%v, %v", file, err)
			}
			return
		}
		for _, at := range []time.Time{{}, time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)} {
			for _, a := range file.OnCall(at) {
				if !a.Until.IsZero() && !a.Until.After(at) {
					t.Fatalf("at %s: until %s", at, a.Until)
				}
			}
		}
	})
}

func TestParseKeepsHoursTurnsAndLimits(t *testing.T) {
	f := mustParse(t, `zone = "Europe/Berlin"
[people]
alice = { page = ["call", "5m email"], ticket = ["slack", "webhook"], zone = "America/New_York", quiet = ["ticket 22:00-07:00", "ticket Sun 00:00-24:00"], pto = "alice.ics", holidays = ["us"] }
bob   = { }
[holidays]
us = [2026-11-26]
de = [2026-12-25, 2026-11-26]
[schedule.api]
never_with = ["web", "db"]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["alice"] }]
[schedule.web]
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["bob"] }]
[schedule.db]
never_with = "web"
layers = [{ name = "base", from = "2026-01-05 09:00", who = ["bob"] }]
[policy.api]
steps = [{ page = ["api", "bob"], pick = "rotate", wait = "5m" }, { page = "bob", wait = "5m" }]
fallback = "alice"
hold = "ticket 21:00-08:00"
[limits]
nights_running = 5
night_share = 40
rest = "11h"
notice = "48h"
`)
	alice, bob := f.People()[0], f.People()[1]
	if got := alice.Quiet.String(); got != "22:00-07:00, Sun 00:00-24:00 America/New_York" || !bob.Quiet.IsZero() {
		t.Errorf("quiet of alice: %s, of bob: %s", got, bob.Quiet)
	}
	if alice.PTO != "alice.ics" || bob.PTO != "" {
		t.Errorf("pto: %q, %q", alice.PTO, bob.PTO)
	}
	for _, c := range []struct {
		person schedule.Person
		want   string
	}{{alice, "2026-11-26 00:00 EST to 2026-11-27 00:00 EST"}, {bob, "2026-11-26 00:00 CET to 2026-11-27 00:00 CET, 2026-12-25 00:00 CET to 2026-12-26 00:00 CET"}} {
		var days []string
		for _, d := range c.person.Holidays {
			days = append(days, d.From.Format("2006-01-02 15:04 MST")+" to "+d.To.Format("2006-01-02 15:04 MST"))
		}
		if got := strings.Join(days, ", "); got != c.want {
			t.Errorf("holidays of %s: %s, want %s", c.person.Name, got, c.want)
		}
	}
	for channel, wakes := range map[string]bool{"pagerduty": true, "sms": true, "call": true, "email": false, "slack": false, "webhook": false, "terminal": false} {
		if (schedule.Channel{Name: channel}).Wakes() != wakes {
			t.Errorf("%s wakes: want %t", channel, wakes)
		}
	}
	want := []schedule.Apart{{Schedule: "api", Other: "web", Line: 9}, {Schedule: "api", Other: "db", Line: 9}, {Schedule: "db", Other: "web", Line: 14}}
	if got := f.Apart(); !slices.Equal(got, want) {
		t.Errorf("apart: %v, want %v", got, want)
	}
	if p := f.Policies()[0]; !p.Steps[0].Rotate || p.Steps[1].Rotate || p.Hold.String() != "21:00-08:00 Europe/Berlin" {
		t.Errorf("policy: %+v", p)
	}
	if got, want := f.Limits(), (schedule.Limits{NightsRunning: 5, NightShare: 40, Rest: 11 * time.Hour, Notice: 48 * time.Hour, Line: 20}); got != want {
		t.Errorf("limits: %+v, want %+v", got, want)
	}
}
