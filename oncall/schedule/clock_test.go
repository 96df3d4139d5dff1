package schedule

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The table and the years that are like those of the table must say what the zone itself says, in every zone and as far
// as RFC 3339 can write.
func TestClockAgreesWithZone(t *testing.T) {
	const seed = 20260105
	draw := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	zones, err := newZoneStore()
	if err != nil {
		t.Fatal(err)
	}
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix()
	for _, file := range zones.archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		zone, err := zones.load(file.Name)
		if err != nil {
			t.Fatal(err)
		}
		c := newClock(zone)
		times := []int64{first, last}
		for _, s := range c.stretches {
			if s.begin != always {
				times = append(times, s.begin-1, s.begin)
			}
		}
		for range 300 {
			at := first + draw.Int64N(last-first)
			s := lookUp(at, zone)
			times = append(times, at, max(s.begin, first), min(s.end, last)-1)
		}
		for _, at := range times {
			s := c.around(at)
			if s.begin > at || s.end <= at {
				t.Fatalf("%s: %d is not between %d and %d", file.Name, at, s.begin, s.end)
			}
			for _, within := range []int64{at, max(s.begin, first), min(s.end, last) - 1} {
				if _, offset := time.Unix(within, 0).In(zone).Zone(); int64(offset) != s.offset {
					t.Fatalf("%s: at %s the offset is %d, the clock says %d", file.Name, time.Unix(within, 0).UTC(), offset, s.offset)
				}
			}
		}
	}
}

// What a jump takes must be what has no time when it is looked at directly.
func TestJumpTakesWindows(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "America/Sao_Paulo"} {
		c := newClock(zoneOf(t, name))
		jumps := jumpsBefore(c, 2030)
		if len(jumps) == 0 {
			t.Fatalf("%s never jumps", name)
		}
		for _, j := range jumps {
			for _, start := range []local{j.begin - 1, j.begin, j.begin + 15, j.end - 1} {
				for _, length := range []local{1, 15, 30, j.end - j.begin, j.end - j.begin + 1} {
					open := window{start: sinceStart(start, 0), length: length}
					takes := !c.first(start).Before(c.last(start + length))
					if j.takes(open) != takes {
						t.Errorf("%s: the jump from %s to %s takes %s for %d minutes: %v, want %v", name, j.begin, j.end, start, length, !takes, takes)
					}
				}
			}
		}
	}
}
