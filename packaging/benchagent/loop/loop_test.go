package loop

import (
	"strings"
	"testing"
	"time"
)

func TestCounterAnswers(t *testing.T) {
	var c Counter
	for at, n := range map[int64]int{10: 3, 20: 4, 30: 5} {
		c.Add(time.Unix(0, at), n)
	}
	var answers strings.Builder
	if err := c.Answer(strings.NewReader("0 100\n10 30\n11 20\n20 21\n"), &answers); err != nil {
		t.Fatal(err)
	}
	if got, want := answers.String(), "12\n7\n0\n4\n"; got != want {
		t.Errorf("found %q, want %q: a window begins with its first moment and ends before its last", got, want)
	}
	if err := c.Answer(strings.NewReader("now\n"), &answers); err == nil {
		t.Error("found no error for a line that is no window")
	}
}
