package schedule

import "slices"

// WithoutCover is the file as it would be if the i-th of its [File.Covers] were not there.
func (f *File) WithoutCover(i int) *File {
	c := f.changes
	c.covers = without(c.covers, i)
	return f.with(c)
}

// WithoutAdd is the file as it would be if the i-th of its [File.Adds] were not there.
func (f *File) WithoutAdd(i int) *File {
	c := f.changes
	c.adds = without(c.adds, i)
	return f.with(c)
}

// WithoutOff is the file as it would be if the i-th of its [File.Offs] were not there.
func (f *File) WithoutOff(i int) *File {
	c := f.changes
	c.offs = without(c.offs, i)
	return f.with(c)
}

// WithoutSwap is the file as it would be if the i-th of its [File.Swaps] were not there.
func (f *File) WithoutSwap(i int) *File {
	c := f.changes
	c.swaps = without(c.swaps, i)
	return f.with(c)
}

// WithoutCovers is the file as it would be without any change, covers and all others: the rings alone.
func (f *File) WithoutCovers() *File { return f.with(changes{}) }

func (f *File) with(c changes) *File {
	out := *f
	out.changes = c
	out.schedules = slices.Clone(f.schedules)
	c.apply(out.schedules)
	return &out
}

func without[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }
