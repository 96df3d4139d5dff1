package schedule

// Holidays is one list of [holidays].
type Holidays struct {
	Name string
	Days []string // such as 2026-12-25, as the file lists them
	Line int
}

// Holidays are the lists of [holidays], in file order, whoever uses them.
func (f *File) Holidays() []Holidays { return f.holidays }
