package event

import (
	"strings"
	"testing"
	"time"

	"nezuban/agent/internal/docker"
)

func TestLife(t *testing.T) {
	var l Life
	for i, action := range []string{docker.ActionStart, docker.ActionDie, docker.ActionStart, docker.ActionHealth} {
		l = l.With(step{i + 1, action, web(), 0}.event().Event)
	}
	want := Life{Began: start().Add(ms(3)), Ended: start().Add(ms(2)), Name: "web"}
	if l != want {
		t.Errorf("found %v, expected %v", l, want)
	}
	for _, late := range []string{docker.ActionStart, docker.ActionDie} { // an event of long ago that is told once more
		if got := l.With(step{0, late, web(), 0}.event().Event); got != want {
			t.Errorf("after an old %s: %v", late, got)
		}
	}
	for until, want := range map[int]Life{3: l, 2: {Ended: l.Ended, Name: "web"}, 1: {Name: "web"}} {
		if got := l.Until(start().Add(ms(until))); got != want {
			t.Errorf("until %d ms: found %v, expected %v", until, got, want)
		}
	}
}

func TestLifeAsText(t *testing.T) {
	for _, l := range []Life{{}, {Began: start().Add(1), Name: "web"}, {Began: start(), Ended: start().Add(-5)}, {Ended: start()}} {
		line, ok := strings.CutSuffix(string(l.AppendLine(nil, "0a1b")), "\n")
		id, got, err := ParseLine([]byte(line))
		if !ok || err != nil || id != "0a1b" || !got.Began.Equal(l.Began) || !got.Ended.Equal(l.Ended) || got.Name != l.Name {
			t.Errorf("%v is written as %q, and read as %s %v, %v", l, line, id, got, err)
		}
	}
	for _, bad := range []string{"", "0a1b", "0a1b 1", "0a1b 1 x", "0a1b -1 0", "0a1b 1 2 web more", "0a1b 1 99999999999999999999", strings.Repeat("x", 1000)} {
		if _, _, err := ParseLine([]byte(bad)); err == nil || !strings.Contains(err.Error(), "expected a container's id, two times") || len(err.Error()) > 200 {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("0a1b 1795945211699223062 0")
	f.Add("x  1\t2")
	f.Fuzz(func(t *testing.T, line string) {
		id, l, err := ParseLine([]byte(line))
		if err != nil {
			return
		}
		again, same, err := ParseLine([]byte(strings.TrimSuffix(string(l.AppendLine(nil, id)), "\n")))
		if err != nil || again != id || same != l {
			t.Errorf("%q is read as %s %v, and that as %s %v, %v", line, id, l, again, same, err)
		}
		if l.Began.Before(time.Unix(0, 0)) && !l.Began.IsZero() {
			t.Errorf("%q gives %v", line, l)
		}
	})
}
