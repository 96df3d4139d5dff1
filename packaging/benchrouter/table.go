package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// row is one figure of the table, by subject, a value a round.
type row struct {
	what   string
	unit   string
	better string // "more" or "less"
	goal   float64
	ours   []float64
	theirs []float64 // of the Alertmanager
}

// table collects rows in order. It is safe for concurrent use; a row is its part's alone.
type table struct {
	mu   sync.Mutex
	rows []*row
}

func (t *table) row(what, unit, better string, goal float64) *row {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rows {
		if r.what == what {
			return r
		}
	}
	r := &row{what: what, unit: unit, better: better, goal: goal}
	t.rows = append(t.rows, r)
	return r
}

func (t *table) print() {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tunit\tnezuban min / median / max\tAlertmanager min / median / max\tratio\tgoal\t")
	for _, r := range t.rows {
		goal, ratio := "", ""
		if r.goal != 0 {
			goal = fmt.Sprintf("%s %s", map[string]string{"more": "≥", "less": "≤"}[r.better], number(r.goal))
			if len(r.ours) > 0 {
				goal += map[bool]string{true: " held", false: " MISSED"}[r.held()]
			}
		}
		if len(r.ours) > 0 && len(r.theirs) > 0 {
			ratio = fmt.Sprintf("%.2f", median(r.ours)/median(r.theirs))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", r.what, r.unit, spread(r.ours), spread(r.theirs), ratio, goal)
	}
	_ = w.Flush() // to the terminal
}

// held says that the median keeps the goal.
func (r *row) held() bool {
	if r.better == "more" {
		return median(r.ours) >= r.goal
	}
	return median(r.ours) <= r.goal
}

func spread(values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s / %s / %s", number(slices.Min(values)), number(median(values)), number(slices.Max(values)))
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile is the value that a share of the others is not above.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func milliseconds(list []time.Duration) []float64 {
	var values []float64
	for _, d := range list {
		values = append(values, float64(d)/float64(time.Millisecond))
	}
	return values
}

// load is the machine's load average.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
