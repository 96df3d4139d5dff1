package month

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/oncall/schedule"
)

func parsed(t *testing.T, text string) *schedule.File {
	t.Helper()
	f, err := schedule.Parse("oncall.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const file = `
zone = "Europe/Berlin"
[people]
alice = {}
bob = {}
carol = {}
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", to = "2026-04-01", who = ["alice", ["bob", "carol"]] }]
[[change]]
cover = { on = "api", by = "-", for = "alice", from = "2026-03-18 12:30", to = "2026-03-18 13:00" }
[[change]]
cover = { on = "api", by = "carol", for = "alice", from = "2026-03-20 10:00", to = "2026-03-20 18:00" }
`

// TestDraw draws a month with a daylight saving change, which takes an hour and no letter, and half an hour's gap.
func TestDraw(t *testing.T) {
	f := parsed(t, file)
	want := `api, March 2026, Europe/Berlin, a letter for 3 hours
Mon       Tue       Wed       Thu       Fri       Sat       Sun
                                                            1
                                                            AAAAAAAA
2         3         4         5         6         7         8
AAABBBBB  BBBBBBBB  BBBBBBBB  BBBBBBBB  BBBBBBBB  BBBBBBBB  BBBBBBBB
9         10        11        12        13        14        15
BBBAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA
16        17        18        19        20        21        22
AAABBBBB  BBBBBBBB  BBBB.BBB  BBBBBBBB  BBBCCCBB  BBBBBBBB  BBBBBBBB
23        24        25        26        27        28        29
BBBAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA  AAAAAAAA
30        31
AAABBBBB  BBBBBBBB
A bob, carol
B alice
C carol
. nobody for some or all of it
`
	if diff := cmp.Diff(want, Draw(f, "api", 2026, 3, f.Zone(), false, &Letters{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A letter stays with whom it stands for from month to month, and below a month are those that are in it.
func TestLettersStay(t *testing.T) {
	f := parsed(t, file+"[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"alice\", from = \"2026-02-02\", to = \"2026-02-08\" }\n")
	var known Letters
	for _, draw := range []struct {
		month time.Month
		want  string
	}{
		{2, "A bob, carol\nB carol\nC alice\n"},
		{3, "A bob, carol\nB carol\nC alice\n. nobody for some or all of it\n"},
		{1, "A bob, carol\nC alice\n. nobody for some or all of it\n"},
	} {
		text := Draw(f, "api", 2026, draw.month, f.Zone(), false, &known)
		if got := text[strings.LastIndex(text, "\nA ")+1:]; got != draw.want {
			t.Errorf("%s: %q, want %q", draw.month, got, draw.want)
		}
	}
}

func TestDrawColours(t *testing.T) {
	f := parsed(t, file)
	plain, coloured := Draw(f, "api", 2026, 4, f.Zone(), false, &Letters{}), Draw(f, "api", 2026, 4, f.Zone(), true, &Letters{})
	if strings.Contains(plain, "\x1b") || !strings.Contains(coloured, "\x1b[31m.\x1b[0m") {
		t.Errorf("without colour:\n%q\nwith colour:\n%q", plain, coloured)
	}
}

func TestDrawMorePeopleThanLetters(t *testing.T) {
	var people, covers strings.Builder
	for i := range len(letters) + 2 {
		fmt.Fprintf(&people, "p%02d = {}\n", i)
		from := time.Date(2026, 1, 2, 3*i, 0, 0, 0, time.UTC)
		fmt.Fprintf(&covers, "[[change]]\ncover = { on = \"api\", for = \"p00\", by = \"p%02d\", from = %q, to = %q }\n",
			i, from.Format("2006-01-02 15:04"), from.Add(3*time.Hour).Format("2006-01-02 15:04"))
	}
	f := parsed(t, fmt.Sprintf("zone = \"UTC\"\n[people]\n%s[schedule.api]\nlayers = [{ name = \"a\", from = \"2026-01-01 00:00\", who = [\"p00\"] }]\n%s",
		people.String(), covers.String()))
	var known Letters
	got := Draw(f, "api", 2026, 1, f.Zone(), false, &known)
	if !known.TooFew() {
		t.Error("the letters were enough")
	}
	if !strings.Contains(got, "\n9 p61\n# others\n") || !strings.Contains(got, "89##  AAAA") {
		t.Errorf("p62 and p63 share a sign:\n%s", got)
	}
}
