package record

import (
	"cmp"
	"slices"
)

// merge collects the parts of several batches, each name once.
type merge struct {
	byName map[string]part
	order  []string // by first appearance
}

func newMerge() *merge { return &merge{byName: map[string]part{}} }

// fits says that no incident in the merge grows beyond one transaction when the batch joins it.
func (m *merge) fits(b Batch) bool {
	for _, p := range b.parts {
		held, ok := m.byName[p.name]
		if ok && held.rank == rankIncident && (len(held.ops)+len(p.ops) > MaxOps || held.bytes+p.bytes > MaxBytes) {
			return false
		}
	}
	return true
}

func (m *merge) add(b Batch) {
	for _, p := range b.parts {
		held, ok := m.byName[p.name]
		if ok {
			p = held.overlay(p)
		} else {
			m.order = append(m.order, p.name)
		}
		m.byName[p.name] = p
	}
}

// parts lists what was collected in the order in which it is to be stored.
func (m *merge) parts() []part {
	all := make([]part, 0, len(m.order))
	for _, name := range m.order {
		all = append(all, m.byName[name])
	}
	slices.SortStableFunc(all, func(a, b part) int { return cmp.Compare(a.rank, b.rank) })
	return all
}

// transactions cuts parts, in their order, into as few transactions as hold them. Operations of one part beyond the bound,
// which only a step that calls very many people can bring, follow in further ones.
func transactions(parts []part) [][]Op {
	var all [][]Op
	var ops []Op
	size := 0
	end := func() {
		all = slices.AppendSeq(all, slices.Chunk(ops, MaxOps))
		ops, size = nil, 0
	}
	for _, p := range parts {
		if len(ops) > 0 && (len(ops)+len(p.ops) > MaxOps || size+p.bytes > MaxBytes) {
			end()
		}
		ops, size = append(ops, p.ops...), size+p.bytes
	}
	end()
	return all
}
