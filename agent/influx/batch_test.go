package influx

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestSizesOfBatches(t *testing.T) {
	tests := map[string]struct {
		limit, batch int
		took         time.Duration
		want         int
	}{
		"needed the room":     {1000, 900, time.Second, 1250},
		"needed none":         {1000, 500, time.Second, 1000},
		"took too long":       {1000, 900, easyRequest + 1, 1000},
		"took as long as may": {1000, 900, easyRequest, 1250},
		"one long line":       {1000, 5000, time.Second, 6250},
		"the least":           {1, 1, 0, 2},
		"one line":            {1, 40, 0, 50},
		"beyond the most":     {maxBatchBytes, 2 * maxBatchBytes, 0, maxBatchBytes},
		"near the most":       {maxBatchBytes - 1, maxBatchBytes - 1, 0, maxBatchBytes},
		"the most":            {maxBatchBytes, maxBatchBytes, 0, maxBatchBytes},
	}
	for name, test := range tests {
		if got := larger(test.limit, test.batch, test.took); got != test.want {
			t.Errorf("%s: found %d, expected %d", name, got, test.want)
		}
	}
	for batch, want := range map[int]int{1000: 500, 3: 1, 1: 1, 0: 1} {
		if got := smaller(batch); got != want {
			t.Errorf("after %d found %d, expected %d", batch, got, want)
		}
	}
}

// A server that took only small batches for a while gets large ones again.
func TestBatchesGrowAgain(t *testing.T) {
	var mended atomic.Bool
	var largest atomic.Int64
	server := newFakeServer(t, func(w http.ResponseWriter, body string) {
		if mended.Load() {
			largest.Store(max(largest.Load(), int64(strings.Count(body, "\n"))))
		} else if strings.Count(body, "\n") > 1 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	w := newRig(t, WriterOptions{SpoolDir: t.TempDir()}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	some := func(from, to int) (points []Point) {
		for i := from; i < to; i++ {
			points = append(points, sample(i))
		}
		return points
	}
	w.Write(some(0, 20)...)
	await(t, "single lines", func() bool { return len(server.accepted()) == 20 })
	mended.Store(true)
	w.Write(some(20, 2000)...)
	await(t, "all lines", func() bool { return len(server.accepted()) == 2000 })
	if got := largest.Load(); got < 250 {
		t.Errorf("found at most %d lines in a request after the server was mended, expected hundreds", got)
	}
	if got := w.figure("db", "lines_refused_total"); got != 0 {
		t.Errorf("found %d lines refused, expected none", got)
	}
}
