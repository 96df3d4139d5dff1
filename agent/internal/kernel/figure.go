package kernel

// Figure is a number that the kernel may not give.
type Figure struct {
	Value uint64
	Known bool
}

// Known is a figure that was read.
func Known(v uint64) Figure { return Figure{v, true} }

// Plus is the sum of what is known of two figures.
func (f Figure) Plus(g Figure) Figure {
	return Figure{f.Value + g.Value, f.Known || g.Known}
}

// Jiffy is the unit of times that the kernel counts in ticks, in ns: USER_HZ is 100 on every machine that Docker runs on.
const Jiffy = 10_000_000
