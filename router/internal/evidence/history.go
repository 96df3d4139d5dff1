package evidence

import (
	"context"
	"fmt"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/checks/check"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/rule/window"
)

// Lengths of time from which history is read one result at a time, and by sums of so long: as fine as objectives count.
const (
	fine   = 6 * time.Hour
	middle = 72 * time.Hour

	middleSum = 5 * time.Minute
	coarseSum = time.Hour
)

// before is how much earlier than asked results are read one at a time: some came to InfluxDB sooner than to the router.
const before = 10 * time.Minute

// History is what InfluxDB has of the results of one check.
type History struct {
	Sums    []rule.Sum     // of the time before Results
	Results []rule.Counted // by time, taken when they were seen
}

// Fetch reads the results of a check since a time, up to now. All of one check are held in memory: about a thousand rows for
// each location. The error says which InfluxDB did not answer, and why.
func Fetch(ctx context.Context, from influx.Output, name string, since, now time.Time) (History, error) {
	single := now.Add(-fine).Truncate(middleSum).Add(middleSum)
	summed := now.Add(-middle).Truncate(coarseSum).Add(coarseSum)
	var h History
	for _, part := range []struct {
		since, until time.Time
		every        time.Duration
	}{{since, summed, coarseSum}, {latest(since, summed), single, middleSum}} {
		if !part.since.Before(part.until) {
			continue
		}
		sums, err := fetchSums(ctx, from, name, part.since, part.until, part.every)
		if err != nil {
			return History{}, err
		}
		h.Sums = append(h.Sums, sums...)
	}
	var err error
	h.Results, err = fetchResults(ctx, from, name, latest(since.Add(-before), single), now)
	return h, err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// selected begins a query: the results of a check, and which of them say nothing because the location was sick.
func selected(from influx.Output, name string, since, until time.Time) string {
	return fmt.Sprintf(`from(bucket: %s)
  |> range(start: %s, stop: %s)
  |> filter(fn: (r) => r._measurement == %s and r.%s == %s and (r._field == %s or r._field == %s))`,
		quoted(from.Bucket), since.UTC().Format(time.RFC3339Nano), until.UTC().Format(time.RFC3339Nano),
		quoted(influx.HTTPResponse), influx.TagCheck, quoted(name), quoted(influx.FieldResultType), quoted(influx.FieldLocationSick))
}

// quoted is a string of Flux.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "${", `\${`).Replace(text) + `"`
}

func fetchSums(ctx context.Context, from influx.Output, name string, since, until time.Time, every time.Duration) ([]rule.Sum, error) {
	rows, err := influx.Query(ctx, from, selected(from, name, since, until)+fmt.Sprintf(`
  |> group(columns: [%s, "_field"])
  |> aggregateWindow(every: %dm, fn: count, timeSrc: "_start", createEmpty: false)`, quoted(influx.TagResult), int(every/time.Minute)))
	if err != nil {
		return nil, fmt.Errorf("read the results of check %q: %w", name, err)
	}
	var order []time.Time
	at := map[time.Time]window.Counts{}
	for _, row := range rows {
		begin, timed := row["_time"].(time.Time)
		count, counted := row["_value"].(int64)
		if !timed || !counted || count < 0 {
			return nil, fmt.Errorf("read the results of check %q: found %v, expected a time and a count", name, row)
		}
		c, known := at[begin]
		if !known {
			order = append(order, begin)
		}
		at[begin] = join(c, row, uint64(count))
	}
	sums := make([]rule.Sum, 0, len(order))
	for _, begin := range order {
		if c := at[begin]; c.Total > 0 && c.Bad <= c.Total {
			sums = append(sums, rule.Sum{At: begin, Counts: c})
		}
	}
	return sums, nil
}

// join adds what a row says: so many results of one outcome, or, of those that are counted elsewhere, so many that do not count.
func join(c window.Counts, row influx.Row, count uint64) window.Counts {
	if row["_field"] == influx.FieldLocationSick {
		c.Total -= count
		if bad(row) {
			c.Bad -= count
		}
		return c
	}
	c.Total += count
	if bad(row) {
		c.Bad += count
	}
	return c
}

func bad(row influx.Row) bool { return row[influx.TagResult] != string(check.Success) }

func fetchResults(ctx context.Context, from influx.Output, name string, since, until time.Time) ([]rule.Counted, error) {
	rows, err := influx.Query(ctx, from, selected(from, name, since, until)+fmt.Sprintf(`
  |> keep(columns: ["_time", "_field", %s, %s])
  |> group(columns: ["_field"])
  |> sort(columns: ["_time"])`, quoted(influx.TagLocation), quoted(influx.TagResult)))
	if err != nil {
		return nil, fmt.Errorf("read the results of check %q: %w", name, err)
	}
	type seen struct {
		at       time.Time
		location string
	}
	sick := map[seen]bool{}
	var results []rule.Counted
	for _, row := range rows {
		at, timed := row["_time"].(time.Time)
		location, named := row[influx.TagLocation].(string)
		switch {
		case !timed || !named:
			return nil, fmt.Errorf("read the results of check %q: found %v, expected a time and a location", name, row)
		case row["_field"] == influx.FieldLocationSick:
			sick[seen{at, location}] = true
		default:
			results = append(results, rule.Counted{Check: name, Location: location, At: at, Taken: at, Bad: bad(row)})
		}
	}
	well := results[:0]
	for _, c := range results {
		if !sick[seen{c.At, c.Location}] {
			well = append(well, c)
		}
	}
	return well, nil
}
