package incident

import (
	"fmt"
	"testing"
	"time"
)

// full is a book with so many incidents of one alert each, all told.
func full(t testing.TB, n int) (*world, []Alert) {
	w := newWorld(t, rotationText)
	alerts := make([]Alert, n)
	for i := range alerts {
		alerts[i] = down(start, true)
		alerts[i].Key, alerts[i].Labels = DedupKey("check-down", fmt.Sprint(i)), map[string]string{"check": fmt.Sprint(i), "host": "web1", "team": "web"}
	}
	w.apply(alerts...)
	c := Change{}
	for _, inc := range w.book.Incidents() {
		for _, row := range w.book.Rows(inc.ID) {
			row.Status, row.Attempt = RowSent, 1
			c.Rows = append(c.Rows, row)
		}
	}
	w.accept(c)
	return w, alerts
}

// A sender repeats in batches of 64 what has been going on, in a book of 10,000 open incidents.
func BenchmarkUnchangedResend(b *testing.B) {
	w, alerts := full(b, 10_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i * 64 % (len(alerts) - 64)
		if c := w.book.Apply(w.env, alerts[at:at+64], nil); !c.Empty() {
			b.Fatal("it changes something")
		}
	}
	b.ReportMetric(float64(b.N)*64/b.Elapsed().Seconds(), "alerts/s")
}

// A second in which nothing is due passes over 100,000 open incidents.
func BenchmarkIdleTick(b *testing.B) {
	w, _ := full(b, 100_000)
	w.env.Now = start.Add(time.Second)
	b.ReportAllocs()
	for b.Loop() {
		if c := w.book.Tick(w.env); !c.Empty() {
			b.Fatal("it changes something")
		}
		if due, _ := w.book.Due(w.env.Now); len(due) > 0 {
			b.Fatal("something is due")
		}
	}
}
