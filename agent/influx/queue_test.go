package influx

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQueueDropsTheOldest(t *testing.T) {
	q := queue{limit: 12}
	for i, want := range []int{0, 0, 0, 0, 1, 1} {
		if got := q.push(fmt.Sprintf("%d.\n", i)); got != want {
			t.Errorf("push %d: found %d lines dropped, expected %d", i, got, want)
		}
	}
	if got := q.take(100, 100); got != "2.\n3.\n4.\n5.\n" {
		t.Errorf("found %q, expected the newest four", got)
	}
}

func TestQueueTake(t *testing.T) {
	tests := map[string]struct {
		maxLines, maxBytes int
		want               string
	}{
		"everything":             {100, 100, "aa\nbb\ncc\ndd\n"},
		"by lines":               {3, 100, "aa\nbb\ncc\n"},
		"by bytes":               {100, 8, "aa\nbb\n"},
		"exactly the bytes":      {100, 9, "aa\nbb\ncc\n"},
		"one at least":           {100, 1, "aa\n"},
		"one, then not too much": {100, 4, "aa\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := queue{limit: 100}
			q.push("aa\nbb\n")
			q.push("cc\ndd\n")
			got := q.take(test.maxLines, test.maxBytes)
			if got != test.want {
				t.Errorf("found %q, expected %q", got, test.want)
			}
			if rest := q.take(100, 100); got+rest != "aa\nbb\ncc\ndd\n" || q.size() != 0 {
				t.Errorf("found %q after %q, and %d bytes left", rest, got, q.size())
			}
		})
	}
}

// The queue against a model: a list of lines that loses whole pushes from its
// front when it is too long.
func TestQueueLosesOnlyWhatItCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := queue{limit: rapid.IntRange(1, 200).Draw(t, "limit")}
		next, dropped, taken := 0, 0, 0
		last := -1
		accept := func(batch string) {
			for line := range strings.Lines(batch) {
				var n int
				if _, err := fmt.Sscanf(line, "line %d\n", &n); err != nil || n <= last {
					t.Fatalf("found %q after line %d", line, last)
				}
				last = n
				taken++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				var block strings.Builder
				for range rapid.IntRange(0, 5).Draw(t, "lines") {
					fmt.Fprintf(&block, "line %d\n", next)
					next++
				}
				dropped += q.push(block.String())
			},
			"take": func(t *rapid.T) {
				accept(q.take(rapid.IntRange(1, 5).Draw(t, "lines"), rapid.IntRange(1, 60).Draw(t, "bytes")))
			},
			"take in vain": func(t *rapid.T) {
				if batch := q.take(rapid.IntRange(1, 5).Draw(t, "lines"), 100); batch != "" {
					dropped += q.putBack(batch)
				}
			},
			"": func(t *rapid.T) {
				if q.size() > q.limit {
					t.Fatalf("found %d bytes, limit %d", q.size(), q.limit)
				}
			},
		})
		for q.size() > 0 {
			accept(q.take(3, 1000))
		}
		if taken+dropped != next {
			t.Fatalf("found %d lines taken and %d dropped of %d", taken, dropped, next)
		}
	})
}
