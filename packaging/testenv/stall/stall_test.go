package stall

import (
	"testing"
	"time"
)

func TestWithin(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	r := Record{all: []stall{{at(100), at(300)}, {at(500), at(600)}}, seen: at(1000)}
	for _, row := range []struct{ from, to, want int }{
		{0, 50, 0}, {0, 100, 0}, {0, 1000, 300}, {200, 550, 150}, {120, 180, 60}, {300, 500, 0}, {600, 700, 0},
	} {
		want := time.Duration(row.want) * time.Millisecond
		if got := r.Within(at(row.from), at(row.to)); got != want {
			t.Errorf("between %d and %d: found %s, want %s", row.from, row.to, got, want)
		}
		if got := r.Ran(at(row.from), at(row.to)); got+want != at(row.to).Sub(at(row.from)) {
			t.Errorf("between %d and %d: it ran for %s", row.from, row.to, got)
		}
	}
}

// A standstill counts although somebody asks for it before the tick that it has made late.
func TestAStallIsKnownWhenItIsAskedFor(t *testing.T) {
	from, to := time.UnixMilli(100), time.UnixMilli(300)
	r := Record{seen: from}
	go func() {
		time.Sleep(2 * Tick)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all, r.seen = []stall{{from, to}}, to
	}()
	if got := r.Within(from, to); got != to.Sub(from) {
		t.Errorf("found %s, want %s", got, to.Sub(from))
	}
}

// A watch gets to know of the time that passes, without a standstill or with one.
func TestWatch(t *testing.T) {
	r := Watch(t)
	begun := time.Now()
	if still := r.Within(begun, time.Now()); still < 0 || r.seen.Before(begun) {
		t.Errorf("found %s, known until %s", still, r.seen)
	}
}
