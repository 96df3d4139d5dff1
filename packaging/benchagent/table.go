package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Names of the rows that goals are about.
const (
	bareLoop   = "bare loop"
	agentLines = "agent, up to line protocol"
	agentSent  = "agent, one output"
	agentGzip  = "agent, one output, gzip"
)

// Goals.
const (
	mostTimes  = 2    // × the bare loop, up to line protocol
	mostLines  = 0.15 // ms a sample, up to line protocol
	mostSent   = 0.20 // ms a sample, with gzip and HTTP
	mostMemory = 20   // MB resident
	leastNoise = 0.01 // ms a sample of others, below which nothing is told apart
)

// row is what one program cost at one interval, a value a round.
type row struct {
	name               string
	interval           time.Duration
	own                []float64 // ms a sample
	daemons, shims     []float64 // ms a sample, beyond what they use when no program runs
	resident, max      []float64 // MB
	noise, noiseOfShim float64   // ms a sample: by how much that use differs from round to round
	keepsAll           bool      // its output is away: what it holds resident says nothing
}

// idle is what Docker's processes use when no program runs: ms a second, a value a round.
type idle struct{ daemons, shims []float64 }

func (b *bench) idle() (of idle) {
	for _, w := range b.windows {
		if w.of == nil {
			of.daemons = append(of.daemons, milliseconds(w.daemons)/w.length.Seconds())
			of.shims = append(of.shims, milliseconds(w.shims)/w.length.Seconds())
		}
	}
	return of
}

// rows are all rows, by interval and in the order of subjects.
func (b *bench) rows() []*row {
	base := b.idle()
	var rows []*row
	for _, interval := range b.intervals {
		for _, s := range b.subjects() {
			r := &row{name: s.name, interval: interval, keepsAll: s.away}
			for _, w := range b.windows {
				if w.of == nil || w.of.name != s.name || w.interval != interval {
					continue
				}
				samples, seconds := float64(w.samples), w.length.Seconds()
				r.own = append(r.own, milliseconds(w.own)/samples)
				r.daemons = append(r.daemons, (milliseconds(w.daemons)-median(base.daemons)*seconds)/samples)
				r.shims = append(r.shims, (milliseconds(w.shims)-median(base.shims)*seconds)/samples)
				r.resident, r.max = append(r.resident, w.resident), append(r.max, w.max)
				r.noise, r.noiseOfShim = width(base.daemons)*seconds/samples, width(base.shims)*seconds/samples
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// print writes the table and what became of the goals.
func (b *bench) print(out io.Writer) error {
	base := b.idle()
	fmt.Fprintf(out, "with no program running, dockerd and containerd use %s, their shims %s ms a second (min / median / max)\n\n", spread(base.daemons), spread(base.shims))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "interval\tprogram\tms a sample, min / median / max\t× bare loop\tdockerd, containerd\tshims\tMB resident\tat most\tgoals\t")
	var bare float64
	for _, r := range b.rows() {
		if r.name == bareLoop {
			bare = median(r.own)
		}
		resident, most := number(slices.Max(r.resident)), number(slices.Max(r.max))
		if r.keepsAll {
			resident, most = "-", "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t%s\t%s\t\n", r.interval, r.name, spread(r.own), median(r.own)/bare,
			beyond(r.daemons, r.noise), beyond(r.shims, r.noiseOfShim), resident, most, strings.Join(r.goals(bare), ", "))
	}
	return w.Flush()
}

// goals says which goals a row has, and whether it keeps them.
func (r *row) goals(bare float64) (all []string) {
	goal := func(text string, held bool) {
		all = append(all, text+map[bool]string{true: " held", false: " MISSED"}[held])
	}
	own := median(r.own)
	switch r.name {
	case agentLines:
		goal(fmt.Sprintf("≤ %d ×", mostTimes), own <= mostTimes*bare)
		goal(fmt.Sprintf("≤ %.2f ms", mostLines), own <= mostLines)
		return all
	case agentGzip:
		goal(fmt.Sprintf("≤ %.2f ms", mostSent), own <= mostSent)
	case agentSent:
	default:
		return nil
	}
	goal("daemons ≤ noise", median(r.daemons) <= max(r.noise, leastNoise))
	goal(fmt.Sprintf("≤ %d MB", mostMemory), slices.Max(r.max) <= mostMemory)
	return all
}

// beyond is a cost of others, and how large it would be for nothing.
func beyond(values []float64, noise float64) string {
	return fmt.Sprintf("%.2f ± %.2f", median(values), noise)
}

func spread(values []float64) string {
	return fmt.Sprintf("%s / %s / %s", number(slices.Min(values)), number(median(values)), number(slices.Max(values)))
}

func width(values []float64) float64 { return slices.Max(values) - slices.Min(values) }

func number(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// median is the lower one of two in the middle.
func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// load is the machine's load average.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
