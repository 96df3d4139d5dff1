package slo_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nezuban/router/internal/rule/slo"
	"nezuban/router/internal/rule/window"
)

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func target() slo.Target {
	return slo.Target{Percent: 99.9, Period: 30 * day, Interval: 30 * time.Second, MinBad: 2, MinTotal: 3}
}

func evaluator(t testing.TB, target slo.Target) *slo.Evaluator {
	t.Helper()
	o, err := slo.NewObjective(target)
	if err != nil {
		t.Fatal(err)
	}
	return o.NewEvaluator(epoch)
}

func TestFactorsAreThoseOfTheWorkbook(t *testing.T) {
	for i, want := range []float64{14.4, 6, 1} {
		if got := slo.Burns()[i].Factor(30 * day); math.Abs(got-want) > 1e-9 {
			t.Errorf("pair %d: factor %v, want %v", i, got, want)
		}
	}
	for i, want := range []float64{13.44, 5.6, 14.0 / 15} {
		if got := slo.Burns()[i].Factor(28 * day); math.Abs(got-want) > 1e-9 {
			t.Errorf("pair %d, 28 days: factor %v, want %v", i, got, want)
		}
	}
}

func TestNewObjectiveRefuses(t *testing.T) {
	tests := []struct {
		name    string
		percent float64
		period  time.Duration
		want    string // part of the error; "" for none
	}{
		{"three nines in 30 days", 99.9, 30 * day, ""},
		{"the lowest that can fire", 93.1, 30 * day, ""},
		{"too low ever to fire", 93, 30 * day, "could never fire"},
		{"a hundred percent leaves no budget", 100, 30 * day, "between 0 and 100"},
		{"zero", 0, 30 * day, "between 0 and 100"},
		{"not a number", math.NaN(), 30 * day, "between 0 and 100"},
		{"too short a period", 99.9, 7 * day, "28d to 92d"},
		{"too long a period", 99.9, 365 * day, "28d to 92d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target()
			target.Percent, target.Period = tt.percent, tt.period
			_, err := slo.NewObjective(target)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// feed sends one result every interval of a source from the given time up to now, bad ones with the given period.
func feed(e *slo.Evaluator, from, to time.Time, interval time.Duration, badEvery int) {
	n := 0
	for at := from; at.Before(to); at = at.Add(interval) {
		e.Observe("tokyo", at, badEvery > 0 && n%badEvery == 0, at)
		n++
	}
}

// TestDetectionTime compares with t = F·(1−SLO)·long / e of the workbook, for the pair of 1h and 5m.
func TestDetectionTime(t *testing.T) {
	tests := []struct {
		name     string
		badEvery int
		want     time.Duration
	}{
		{"everything fails: 52 s", 1, 52 * time.Second},
		{"one in ten fails: 8.6 min", 10, 518 * time.Second},
		{"one in fifty fails: 43 min", 50, 2592 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const interval = time.Second
			target := target()
			target.Interval = interval
			e := evaluator(t, target)
			start := epoch.Add(2 * time.Hour)
			feed(e, epoch, start, interval, 0)
			n := 0
			for at := start; at.Before(start.Add(2 * time.Hour)); at = at.Add(interval) {
				e.Observe("tokyo", at, n%tt.badEvery == 0, at)
				if n++; e.Assess(at).Burning.Has(0) {
					if took := at.Sub(start); (took - tt.want).Abs() > tt.want/10 {
						t.Errorf("detected after %s, want %s", took, tt.want)
					}
					return
				}
			}
			t.Error("never detected")
		})
	}
}

func TestAssess(t *testing.T) {
	const interval = 30 * time.Second
	tests := []struct {
		name string
		do   func(e *slo.Evaluator) time.Time // what happens, and when it is looked at
		want slo.Assessment
	}{
		{"nothing has reported", func(*slo.Evaluator) time.Time { return epoch }, slo.Assessment{}},
		{"all is well for 5 minutes: only the short window of 5m is covered", func(e *slo.Evaluator) time.Time {
			feed(e, epoch, epoch.Add(5*time.Minute), interval, 0)
			return epoch.Add(5 * time.Minute)
		}, slo.Assessment{Calm: 0b001}},
		{"all is well for 6 hours", func(e *slo.Evaluator) time.Time {
			feed(e, epoch, epoch.Add(6*time.Hour), interval, 0)
			return epoch.Add(6 * time.Hour)
		}, slo.Assessment{Calm: 0b111}},
		{"one bad result is below min_bad", func(e *slo.Evaluator) time.Time {
			for i := range 4 {
				e.Observe("tokyo", epoch.Add(time.Duration(i)*interval), i == 0, epoch.Add(2*time.Minute))
			}
			return epoch.Add(2 * time.Minute)
		}, slo.Assessment{}},
		{"two results are below min_total", func(e *slo.Evaluator) time.Time {
			e.Observe("tokyo", epoch, true, epoch)
			e.Observe("tokyo", epoch.Add(interval), true, epoch.Add(interval))
			return epoch.Add(interval)
		}, slo.Assessment{}},
		{"an outage from the start pages by the fastest pair alone", func(e *slo.Evaluator) time.Time {
			feed(e, epoch, epoch.Add(5*time.Minute), interval, 1)
			return epoch.Add(5 * time.Minute)
		}, slo.Assessment{Burning: 0b001}},
		{"and by the next one with half an hour of history, but that makes no ticket", func(e *slo.Evaluator) time.Time {
			feed(e, epoch, epoch.Add(30*time.Minute), interval, 1)
			return epoch.Add(30 * time.Minute)
		}, slo.Assessment{Burning: 0b011}},
		{"a slow burn for days is a ticket", func(e *slo.Evaluator) time.Time {
			feed(e, epoch, epoch.Add(60*time.Hour), interval, 500) // 2 × the budget
			return epoch.Add(60 * time.Hour)
		}, slo.Assessment{Burning: 0b100, Calm: 0b011}},
		{"silence for 3 minutes is unknown, not calm and not burning", func(e *slo.Evaluator) time.Time {
			feed(e, epoch, epoch.Add(time.Hour), interval, 1)
			return epoch.Add(time.Hour + 3*time.Minute + 30*time.Second)
		}, slo.Assessment{}},
		{"a bad hour is calm when 5 good minutes have passed", func(e *slo.Evaluator) time.Time {
			feed(e, epoch, epoch.Add(time.Hour), interval, 1)
			feed(e, epoch.Add(time.Hour), epoch.Add(65*time.Minute), interval, 0)
			return epoch.Add(65 * time.Minute)
		}, slo.Assessment{Burning: 0b010, Calm: 0b001}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := evaluator(t, target())
			if got := e.Assess(tt.do(e)); got != tt.want {
				t.Errorf("burning %03b, calm %03b; want %03b, %03b", got.Burning, got.Calm, tt.want.Burning, tt.want.Calm)
			}
		})
	}
}

func TestCoverageBeforeCalm(t *testing.T) {
	for _, tt := range []struct {
		name   string
		minute int
		calm   bool
	}{{"3 of 5 minutes", 3, false}, {"4 of 5 minutes", 4, true}} {
		t.Run(tt.name, func(t *testing.T) {
			e := evaluator(t, target())
			now := epoch.Add(time.Duration(tt.minute)*time.Minute - time.Second)
			feed(e, epoch, now, 30*time.Second, 0)
			if got := e.Assess(now).Calm.Has(0); got != tt.calm {
				t.Errorf("calm = %v, want %v", got, tt.calm)
			}
		})
	}
	t.Run("a check every 5 minutes cannot cover each minute", func(t *testing.T) {
		target := target()
		target.Interval = 5 * time.Minute
		e := evaluator(t, target)
		feed(e, epoch, epoch.Add(time.Hour), 5*time.Minute, 0)
		if !e.Assess(epoch.Add(time.Hour - time.Second)).Calm.Has(0) {
			t.Error("not calm after an hour of good results")
		}
	})
}

func TestRepeatsAndFuture(t *testing.T) {
	e := evaluator(t, target())
	now := epoch.Add(time.Hour)
	ahead := now.Add(time.Hour)
	for _, step := range []struct {
		name string
		at   time.Time
		want window.Verdict
	}{
		{"new", now, window.New},
		{"the same again", now, window.Repeat},
		{"late", now.Add(-30 * time.Minute), window.New},
		{"from the future", ahead, window.New},
		{"the same from the future", ahead, window.Repeat},
		{"too old to tell", now.Add(-7 * time.Hour), window.TooOld},
	} {
		if got := e.Observe("tokyo", step.at, true, now); got != step.want {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
	if !e.Newest().Equal(now) {
		t.Errorf("newest = %s, want %s: data never advances the clock", e.Newest(), now)
	}
}

func TestDescribe(t *testing.T) {
	e := evaluator(t, target())
	feed(e, epoch, epoch.Add(time.Hour), 30*time.Second, 4)
	a := e.Assess(epoch.Add(time.Hour))
	if want, got := "burning the 30-day budget 250× too fast (1h; 250× in 5m; limit 14.4×)", e.Describe(a.Burning); !strings.HasPrefix(got, "burning the 30-day budget 2") || len(got) < len(want)-6 {
		t.Errorf("description %q, want one like %q", got, want)
	}
	if got := e.Describe(0b100); !strings.Contains(got, "(72h;") {
		t.Errorf("description %q, want the slow pair", got)
	}
}

// TestEqualsSlowOracle recounts everything for each assessment.
func TestEqualsSlowOracle(t *testing.T) {
	type result struct {
		at  time.Time
		bad bool
	}
	rapid.Check(t, func(t *rapid.T) {
		target := target()
		target.Percent = rapid.SampledFrom([]float64{95, 99, 99.9, 99.99}).Draw(t, "percent")
		o, err := slo.NewObjective(target)
		if err != nil {
			t.Fatal(err)
		}
		e := o.NewEvaluator(epoch)
		now := epoch
		var all []result
		counted := map[int64]bool{}
		oracle := func(length time.Duration) (bad, total float64, covered map[int64]bool) {
			step := time.Minute
			if length > 6*time.Hour {
				step = 5 * time.Minute
			}
			covered = map[int64]bool{}
			head := now.UnixNano() / int64(step)
			for _, r := range all {
				number := min(r.at.UnixNano()/int64(step), head)
				if head-number < int64(length/step) {
					covered[number] = true
					total++
					if r.bad {
						bad++
					}
				}
			}
			return bad, total, covered
		}
		for range rapid.IntRange(1, 30).Draw(t, "phases") {
			badEvery := rapid.SampledFrom([]int{0, 1, 7, 60}).Draw(t, "bad every")
			for n := range rapid.IntRange(0, 120).Draw(t, "results") {
				now = now.Add(30 * time.Second)
				at := now.Add(-time.Duration(rapid.IntRange(0, 20).Draw(t, "late")) * time.Minute)
				bad := badEvery > 0 && n%badEvery == 0
				if verdict := e.Observe("tokyo", at, bad, now); (verdict == window.New) == counted[at.Unix()] {
					t.Fatalf("result at %s: verdict %v, counted before: %v", at, verdict, counted[at.Unix()])
				}
				if !counted[at.Unix()] {
					counted[at.Unix()] = true
					all = append(all, result{at, bad})
				}
			}
			now = now.Add(rapid.SampledFrom([]time.Duration{0, 2 * time.Minute, 2 * time.Hour}).Draw(t, "pause"))
			var want slo.Assessment
			var newest time.Time
			for _, r := range all {
				if r.at.After(newest) {
					newest = r.at
				}
			}
			for i, b := range slo.Burns() {
				if now.Sub(newest) > 3*time.Minute {
					break
				}
				threshold := b.Factor(target.Period) * (100 - target.Percent) / 100
				lb, lt, lc := oracle(b.Long)
				sb, st, sc := oracle(b.Short)
				burning := lt > 0 && st > 0 && lb/lt > threshold && sb/st > threshold && lb >= 2 && st >= 3
				switch {
				case burning && (i == 0 || i == 1 && float64(len(sc)) >= 0.8*30 || i == 2 && float64(len(lc)) >= 0.5*864):
					want.Burning |= 1 << i
				case !burning && float64(len(sc)) >= 0.8*b.Short.Minutes():
					want.Calm |= 1 << i
				}
			}
			if got := e.Assess(now); got != want {
				t.Fatalf("at %s: %+v, oracle %+v", now, got, want)
			}
		}
	})
}
