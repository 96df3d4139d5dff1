package influx

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// TestWriterTellsHowDeliveriesEnd follows one output through what a server may answer.
func TestWriterTellsHowDeliveriesEnd(t *testing.T) {
	var answer atomic.Int32
	answer.Store(http.StatusServiceUnavailable)
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) { w.WriteHeader(int(answer.Load())) })
	var mu sync.Mutex
	var told []string
	heard := func(part string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.ContainsFunc(told, func(line string) bool { return strings.HasPrefix(line, part) })
		}
	}
	before := time.Now()
	w := newRig(t, WriterOptions{Tried: func(output string, began time.Time, err error) {
		mu.Lock()
		defer mu.Unlock()
		if began.Before(before) || began.After(time.Now()) {
			t.Errorf("a delivery that began at %s", began)
		}
		told = append(told, fmt.Sprintf("%s: %v", output, err))
	}}, Output{Name: "router", URLs: []string{"http://" + testenv.FreeAddress(t), server.URL}, Bucket: "db"})
	w.Write(sample(0))
	await(t, "a failure", heard("router: answered 503"))
	mu.Lock()
	if first := told[0]; strings.Contains(first, "unreachable") {
		t.Errorf("found %q told before the last URL was tried", first)
	}
	mu.Unlock()
	answer.Store(http.StatusBadRequest)
	w.WriteNow(sample(1))
	await(t, "a refusal", heard("router: answered 400"))
	answer.Store(http.StatusNoContent)
	w.WriteNow(sample(2))
	await(t, "a success", heard("router: <nil>"))
}
