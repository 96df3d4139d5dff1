package state

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state/record"
)

// BenchmarkLoad reads open incidents as a router does at its start and at a takeover: each with two messages and five lines
// of a timeline. Beside the time it tells how much memory is in use afterwards that was not before, per incident.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			conn, err := Connect(b.Context(), Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(conn.Close)
			term, err := conn.Campaign(b.Context(), Candidate{Name: "a", Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			for from := 0; from < n; from += 100 {
				var all incident.Change
				for i := range 100 {
					c := sample(fmt.Sprintf("I%06d", from+i), 2, 5)
					all.Incidents, all.Rows, all.Entries = append(all.Incidents, c.Incidents...), append(all.Rows, c.Rows...), append(all.Entries, c.Entries...)
				}
				if err := term.Store.Commit(b.Context(), record.Batch{Change: all}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			spent := cpu()
			for b.Loop() {
				before := inUse()
				stored, err := term.Store.Load(b.Context())
				if err != nil || len(stored.Incidents) != n {
					b.Fatal(len(stored.Incidents), err)
				}
				b.ReportMetric(float64(inUse()-before)/float64(n), "B-kept/incident")
				runtime.KeepAlive(stored)
			}
			b.ReportMetric((cpu()-spent).Seconds()/float64(b.N), "cpu-s/op") // on a busy machine the better figure
		})
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of this process it cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
