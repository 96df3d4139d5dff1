package check

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// results makes the newest results of locations l0, l1, … from one letter each: u up, d down, s sick, o too old,
// f too far in the future. A blank is a location that has never spoken.
func results(c Check, letters string) map[string]Result {
	latest := map[string]Result{}
	for i, letter := range letters {
		r := Result{Time: noon, Outcome: ConnectionFailed}
		switch letter {
		case ' ':
			continue
		case 'u':
			r.Outcome = Success
		case 's':
			r.Outcome, r.Sick = DNSError, true
		case 'o':
			r.Time = noon.Add(-c.Fresh() - 1)
		case 'f':
			r.Time = noon.Add(c.Fresh() + 1)
		}
		latest[location(i)] = r
	}
	return latest
}

func location(i int) string { return fmt.Sprintf("l%d", i) }

func listed(n int) (names []string) {
	for i := range n {
		names = append(names, location(i))
	}
	return names
}

func TestQuorum(t *testing.T) {
	tests := []struct {
		name      string
		quorum    int
		locations int // listed in the file; 0: known by their results
		latest    string
		want      Verdict
	}{
		{"nobody has spoken", 0, 0, "", Unknown},
		{"nobody of the listed has spoken", 0, 3, "   ", Unknown},

		{"one location, up", 0, 0, "u", Up},
		{"one location, down", 0, 0, "d", Down},
		{"one location, sick", 0, 0, "s", Unknown},
		{"one location, silent", 0, 0, "o", Unknown},
		{"one location, its clock far ahead", 0, 0, "f", Unknown},

		{"two, both up", 0, 0, "uu", Up},
		{"two, one down", 0, 0, "ud", Degraded},
		{"two, both down", 0, 0, "dd", Down},
		{"two, one down, one silent", 0, 0, "do", Unknown},
		{"two, one up, one silent: two can no longer agree on down", 0, 0, "uo", Up},

		{"three, all up", 0, 0, "uuu", Up},
		{"three, one down", 0, 0, "uud", Degraded},
		{"three, two down", 0, 0, "udd", Down},
		{"three, two down, one sick", 0, 0, "sdd", Down},
		{"three, one down, others sick", 0, 0, "ssd", Unknown},
		{"three, all sick", 0, 0, "sss", Unknown},
		{"three, one up, others silent: they might say down", 0, 0, "uoo", Unknown},
		{"three, one up, one down, one silent", 0, 0, "udo", Unknown},
		{"three, two up, one silent", 0, 0, "uuo", Up},
		{"three, two up, one its clock far ahead", 0, 0, "uuf", Up},

		{"four, split: three must agree", 0, 0, "uudd", Degraded},
		{"four, three down", 0, 0, "uddd", Down},
		{"four, two down, two silent", 0, 0, "ddoo", Unknown},
		{"five, two down", 0, 0, "uuudd", Degraded},
		{"five, three down", 0, 0, "uuddd", Down},

		{"listed: the first to speak after a restart wakes nobody", 0, 3, "d  ", Unknown},
		{"listed: one up is not enough", 0, 3, "u  ", Unknown},
		{"listed: two of three", 0, 3, "dd ", Down},
		{"listed: who is not on the list has no voice", 0, 1, "udd", Up},

		{"quorum 1: any one is enough", 1, 0, "uud", Down},
		{"quorum 1: a silent one might say down", 1, 0, "uuo", Unknown},
		{"quorum 3 of 3: two are not enough", 3, 0, "udd", Degraded},
		{"quorum 3 of 3: one up decides", 3, 0, "uoo", Up},
		{"quorum above the known locations", 2, 0, "d", Unknown},
		{"quorum above the known locations, up", 2, 0, "u", Up},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Check{Interval: 30 * time.Second, Timeout: 10 * time.Second, Quorum: tt.quorum, Locations: listed(tt.locations)}
			if got := Quorum(c, results(c, tt.latest), noon); got != tt.want {
				t.Errorf("Quorum(%q) = %s, want %s", tt.latest, got, tt.want)
			}
		})
	}
}

func TestQuorumFreshness(t *testing.T) {
	c := Check{Interval: 30 * time.Second, Timeout: 10 * time.Second}
	latest := map[string]Result{"l0": {Time: noon, Outcome: Success}}
	for _, tt := range []struct {
		after time.Duration
		want  Verdict
	}{{0, Up}, {70 * time.Second, Up}, {70*time.Second + 1, Unknown}} {
		if got := Quorum(c, latest, noon.Add(tt.after)); got != tt.want {
			t.Errorf("%s after the result: %s, want %s", tt.after, got, tt.want)
		}
	}
}

func TestNeed(t *testing.T) {
	for known, want := range []int{1, 1, 2, 2, 3, 3, 4, 4} {
		if got := (Check{}).Need(known); got != want {
			t.Errorf("Need(%d) = %d, want %d", known, got, want)
		}
	}
}

// drawn is a random check and what its locations last said.
func drawn(t *rapid.T) (Check, string) {
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("udsof")), 1, 7, -1).Draw(t, "letters")
	c := Check{Interval: 30 * time.Second, Timeout: 10 * time.Second, Quorum: rapid.IntRange(0, 4).Draw(t, "quorum")}
	if rapid.Bool().Draw(t, "listed") {
		c.Locations = listed(len(letters))
	}
	return c, letters
}

func TestQuorumProperties(t *testing.T) {
	verdict := func(c Check, letters string) Verdict { return Quorum(c, results(c, letters), noon) }

	t.Run("one location alone never brings down what needs two", rapid.MakeCheck(func(t *rapid.T) {
		c, letters := drawn(t)
		letters = strings.ReplaceAll(letters, "d", "u")
		i := rapid.IntRange(0, len(letters)-1).Draw(t, "bad")
		if c.Need(len(letters)) >= 2 && verdict(c, letters[:i]+"d"+letters[i+1:]) == Down {
			t.Fatalf("down by location %d alone", i)
		}
	}))
	t.Run("silence neither opens nor resolves", rapid.MakeCheck(func(t *rapid.T) {
		c, letters := drawn(t)
		before := verdict(c, letters)
		i := rapid.IntRange(0, len(letters)-1).Draw(t, "silent")
		after := verdict(c, letters[:i]+"o"+letters[i+1:])
		if after == Down && before != Down {
			t.Fatalf("%s became down", before)
		}
		if before == Down && (after == Up || after == Degraded) {
			t.Fatalf("down became %s", after)
		}
	}))
	t.Run("not down stays not down, whatever the silent would have said", rapid.MakeCheck(func(t *rapid.T) {
		c, letters := drawn(t)
		filled := strings.NewReplacer("o", "d", "s", "d", "f", "d").Replace(letters)
		if before := verdict(c, letters); (before == Up || before == Degraded) && verdict(c, filled) == Down {
			t.Fatalf("%s, but down had all spoken", before)
		}
	}))
	t.Run("a verdict of up rests on a success", rapid.MakeCheck(func(t *rapid.T) {
		c, letters := drawn(t)
		if v := verdict(c, letters); (v == Up || v == Degraded) && !strings.Contains(letters, "u") {
			t.Fatalf("%s without a success", v)
		}
	}))
	t.Run("sick is as good as silent", rapid.MakeCheck(func(t *rapid.T) {
		c, letters := drawn(t)
		if a, b := verdict(c, letters), verdict(c, strings.ReplaceAll(letters, "s", "o")); a != b {
			t.Fatalf("sick %s, silent %s", a, b)
		}
	}))
	t.Run("the arguments stay as they were", rapid.MakeCheck(func(t *rapid.T) {
		c, letters := drawn(t)
		latest := results(c, letters)
		copied := maps.Clone(latest)
		Quorum(c, latest, noon)
		if !maps.Equal(latest, copied) {
			t.Fatal("latest was changed")
		}
	}))
}
