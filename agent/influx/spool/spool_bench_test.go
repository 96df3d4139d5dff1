package spool

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// One host of 50 containers writes about so many lines at once, of so many bytes each.
const (
	benchLines = 300
	benchBytes = 220
)

func openForBenchmark(b *testing.B, maxBytes int64) *Spool {
	b.Helper()
	s, err := Open(b.TempDir(), Options{MaxBytes: maxBytes, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return start }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkAppendAndDeliver is the path of each write while the server is there: onto the disk, read, noted as delivered.
func BenchmarkAppendAndDeliver(b *testing.B) {
	s := openForBenchmark(b, 0)
	lines := []byte(strings.Join(rows(0, benchLines, benchBytes), ""))
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(Sample, lines); err != nil {
			b.Fatal(err)
		}
		batch, err := s.Next(Live, 5000, 4<<20)
		if err != nil || len(batch.Lines) != len(lines) {
			b.Fatalf("found %d bytes, %v", len(batch.Lines), err)
		}
		if err := s.Settle(batch, len(batch.Lines)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendToAFullSpool is each write during a long absence of the server, with 64 MiB that wait: with what is dropped and
// the figures that are asked for.
func BenchmarkAppendToAFullSpool(b *testing.B) {
	s := openForBenchmark(b, 64<<20)
	lines := []byte(strings.Join(rows(0, benchLines, benchBytes), ""))
	for s.Stats().Lost == 0 {
		if err := s.Append(Sample, lines); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(Sample, lines); err != nil {
			b.Fatal(err)
		}
		s.Stats()
	}
}
