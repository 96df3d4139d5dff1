package record

import (
	"fmt"
	"testing"
)

// A transaction holds no more than etcd takes, by count or by size.
func TestTransactionsAreBounded(t *testing.T) {
	for _, row := range []struct {
		name        string
		parts, ops  int // of each part
		bytes, want int // of each part; transactions
	}{
		{"few and small", 10, 3, 100, 1},
		{"as many operations as fit", MaxOps / 4, 4, 100, 1},
		{"one more", MaxOps/4 + 1, 4, 100, 2},
		{"large ones", 60, 1, 40 << 10, 3},
		{"one that is as large as may be, and another", 2, 1, MaxBytes, 2},
		{"more operations in one part than fit", 1, MaxOps + 1, 100, 2},
		{"nothing", 0, 0, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			var parts []part
			for i := range row.parts {
				p := part{name: fmt.Sprint(i), bytes: row.bytes}
				for j := range row.ops {
					p.ops = append(p.ops, Op{Kind: Put, Key: fmt.Sprint(i, "/", j)})
				}
				parts = append(parts, p)
			}
			all := transactions(parts)
			if len(all) != row.want {
				t.Errorf("found %d transactions, want %d", len(all), row.want)
			}
			held := 0
			for _, ops := range all {
				if held += len(ops); len(ops) > MaxOps {
					t.Errorf("one has %d operations", len(ops))
				}
			}
			if held != row.parts*row.ops {
				t.Errorf("found %d operations in all, want %d", held, row.parts*row.ops)
			}
		})
	}
}
