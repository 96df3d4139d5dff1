package influx

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// brokenUntil is a server that fails until a time, and notes every try.
type brokenUntil struct {
	mended time.Time
	tries  []time.Time
}

func (b *brokenUntil) write(context.Context, string) error {
	b.tries = append(b.tries, time.Now())
	if time.Now().Before(b.mended) {
		return errors.New("connection refused")
	}
	return nil
}

// paced runs a sender against a server that is broken for a while, in virtual time.
func paced(t *testing.T, broken, watch time.Duration, during func(w *Writer)) []time.Duration {
	t.Helper()
	start := time.Now()
	server := &brokenUntil{mended: start.Add(broken)}
	w := NewWriter(
		[]Output{{Name: "db", URLs: []string{"http://db.example"}}},
		WriterOptions{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()},
	)
	w.senders[0].urls[0].write = server.write
	ctx, cancel := context.WithTimeout(t.Context(), watch)
	defer cancel()
	done := make(chan error, 1)
	w.Write(sample(0))
	go func() { done <- w.Run(ctx) }()
	during(w)
	if err := <-done; err != nil {
		t.Error(err)
	}
	var at []time.Duration
	for _, try := range server.tries {
		at = append(at, try.Sub(start))
	}
	return at
}

func TestSenderBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := paced(t, 5*time.Minute, 10*time.Minute, func(*Writer) {})
		for i := 1; i < len(tries); i++ {
			if gap := tries[i] - tries[i-1]; gap < minBackoff || gap > MaxBackoff {
				t.Errorf("found %s between tries %d and %d, expected %s to %s", gap, i-1, i, minBackoff, MaxBackoff)
			}
		}
		late := map[time.Duration]bool{} // once the wait is as long as it gets
		for i := len(tries) - 6; i < len(tries)-1; i++ {
			late[tries[i+1]-tries[i]] = true
		}
		if len(late) < 2 {
			t.Errorf("found each of the last tries %v after the one before, expected jitter", late)
		}
		if n := len(tries); n < 14 || n > 28 { // about 30 s in the first six, then 15 to 30 s each
			t.Errorf("found %d tries in five minutes: %s", n, tries)
		}
		if last := tries[len(tries)-1]; last < 5*time.Minute || last > 5*time.Minute+MaxBackoff {
			t.Errorf("found the line accepted after %s", last)
		}
	})
}

func TestHurryCutsTheWaitShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hurried := 4*time.Minute + 100*time.Millisecond
		tries := paced(t, 4*time.Minute, 10*time.Minute, func(w *Writer) {
			time.Sleep(hurried)
			w.WriteNow(sample(1))
		})
		for _, try := range tries {
			if try >= hurried && try <= hurried+minBackoff {
				return
			}
		}
		t.Errorf("found no try within %s of %s: %s", minBackoff, hurried, tries)
	})
}

func TestHurriesDoNotHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := paced(t, time.Hour, time.Minute, func(w *Writer) {
			for range 59_000 {
				time.Sleep(time.Millisecond)
				w.WriteNow(sample(1))
			}
		})
		if n := len(tries); n > 2*60+2 {
			t.Errorf("found %d tries in a minute of 1000 events a second, expected two a second at most", n)
		}
	})
}

func TestNextURLIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		broken, whole := &brokenUntil{mended: start.Add(time.Hour)}, &brokenUntil{}
		w := NewWriter(
			[]Output{{Name: "router", URLs: []string{"http://a.example", "http://b.example"}}},
			WriterOptions{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()},
		)
		w.senders[0].urls[0].write, w.senders[0].urls[1].write = broken.write, whole.write
		w.Write(sample(0))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		time.AfterFunc(5*time.Second, func() { w.WriteNow(sample(1)) })
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
		if len(broken.tries) != 1 || len(whole.tries) != 2 || !whole.tries[0].Equal(start) {
			t.Errorf("found tries %s at the first and %s at the second, expected the second at once, and to stay there", broken.tries, whole.tries)
		}
	})
}
