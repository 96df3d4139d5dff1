package duty

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest/prometheus"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// encoder is a Committer that brings what it is given into its stored form and, unless stored is nil, keeps that.
type encoder struct{ stored map[string][]byte }

func (encoder) Prepare(b *record.Batch) error { return b.Prepare() }

func (d encoder) Commit(_ context.Context, batches ...record.Batch) error {
	transactions, err := record.Transactions(batches)
	for _, ops := range transactions {
		for _, op := range ops {
			if op.Kind == record.Put && d.stored != nil {
				d.stored[op.Key] = []byte(op.Value)
			}
		}
	}
	return err
}

// request is the body of a request with a hundred alerts of about 470 bytes that nobody has seen.
func request(number int, severity string) []byte {
	var body bytes.Buffer
	for i := range 100 {
		fmt.Fprintf(&body, `%s{"labels":{"alertname":"BenchmarkAlert","bench_id":"b%07d","severity":%q,"instance":"web-%07d.example.org:9100","job":"node","cluster":"frankfurt-1"},`+
			`"annotations":{"summary":"the load of this host is high","description":"The load average of the last five minutes is above twice the number of its cores.",`+
			`"runbook_url":"https://runbooks.example.org/load"},"startsAt":"2026-11-22T02:58:30.123Z","generatorURL":"http://prometheus.example.org/graph?g0.expr=node_load5"}`,
			map[bool]string{true: "[", false: ","}[i == 0], number*100+i, severity, number*100+i)
	}
	body.WriteByte(']')
	return body.Bytes()
}

// benchmarked is an engine that goes on from what was stored.
func benchmarked(b *testing.B, store Committer, stored record.Stored) *Engine {
	b.Helper()
	rotation, err := schedule.Parse("oncall.toml", []byte(rotationText))
	if err != nil {
		b.Fatal(err)
	}
	set, problems := rule.Compile(rule.Config{Rules: []rule.RuleConfig{{ID: "container-died", Kind: "container_died"}}}, nil, nil)
	if err := problems.Err(); err != nil {
		b.Fatal(err)
	}
	e := New(Options{Store: store, Now: time.Now, Log: discard, Rules: set, NewID: NewID}, stored)
	e.SetRotation(rotation, "0123abcd")
	return e
}

// sendIn takes a request in as package ingest does.
func sendIn(b *testing.B, e *Engine, body []byte) {
	alerts, bad, err := prometheus.Decode(body, e.Now())
	if err != nil || len(bad) > 0 {
		b.Fatal(bad, err)
	}
	if err := e.Report(b.Context(), alerts); err != nil {
		b.Fatal(err)
	}
}

// A hundred new alerts in one request are read, decided, taken over and brought into their stored form.
func BenchmarkNewAlerts(b *testing.B) {
	for _, severity := range []string{"info", "critical"} {
		b.Run(severity, func(b *testing.B) {
			e := benchmarked(b, encoder{}, record.Stored{})
			b.ReportAllocs()
			number := 0
			for b.Loop() {
				b.StopTimer()
				body := request(number, severity)
				b.StartTimer()
				sendIn(b, e, body)
				number++
			}
		})
	}
}

const requests = 200 // of a hundred alerts each

// opened is an engine with incidents of one alert each, whose messages are out.
func opened(b *testing.B, store Committer, severity string) *Engine {
	e := benchmarked(b, store, record.Stored{})
	for i := range requests {
		sendIn(b, e, request(i, severity))
	}
	tellAll(b, e)
	return e
}

// What an open incident of one alert keeps in memory: one that pages nobody, one whose page is out, and both after a
// restart.
func BenchmarkOpen(b *testing.B) {
	kept := func(b *testing.B, before memory) {
		now := inUse()
		b.ReportMetric(float64(now.bytes-before.bytes)/(requests*100), "B/incident")
		b.ReportMetric(float64(now.objects-before.objects)/(requests*100), "objects/incident")
	}
	for _, severity := range []string{"info", "critical"} {
		b.Run(severity, func(b *testing.B) {
			for b.Loop() {
				before := inUse()
				e := opened(b, encoder{}, severity)
				kept(b, before)
				runtime.KeepAlive(e)
			}
		})
		b.Run(severity+"/restarted", func(b *testing.B) {
			store := encoder{map[string][]byte{}}
			opened(b, store, severity)
			for b.Loop() {
				before := inUse()
				var stored record.Stored
				for key, value := range store.stored {
					if err := stored.Add(key, value); err != nil {
						b.Fatal(err)
					}
				}
				e := benchmarked(b, store, stored)
				stored = record.Stored{}
				kept(b, before)
				runtime.KeepAlive(e)
			}
		})
	}
}

// tellAll brings every message that is due to its end.
func tellAll(b *testing.B, e *Engine) {
	d := &Deliverer{Engine: e, Log: discard}
	due, _ := e.book.DueWithin(e.Now().Add(time.Minute), func(string) int { return -1 })
	for _, row := range due {
		if _, g, ok := d.begin(b.Context(), row); !ok || g.wait() != nil {
			b.Fatal("a message cannot be begun")
		}
		d.finish(b.Context(), row.Key(), incident.Outcome{ProviderID: "msg_" + row.PageID()})
	}
}

// memory is what is in use after a collection.
type memory struct{ bytes, objects int64 }

func inUse() memory {
	runtime.GC()
	runtime.GC() // what pools held too
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{int64(m.HeapAlloc), int64(m.Mallocs - m.Frees)}
}
