package schedule

import (
	"slices"
	"time"
)

// File is a rotation file that [Parse] has accepted. It never changes; what its methods return must not be changed
// either.
type File struct {
	name      string
	zone      *time.Location
	people    []Person // in file order
	schedules []rotation
	changes   changes
	policies  []Policy
	routes    []Route
	apart     []Apart
	limits    Limits
	holidays  []Holidays
}

// Name is the file's name as given to [Parse].
func (f *File) Name() string { return f.name }

// Zone is the file's own zone, in which answers are shown.
func (f *File) Zone() *time.Location { return f.zone }

// People are the entries of [people], in file order.
func (f *File) People() []Person { return f.people }

// Person finds a person by name.
func (f *File) Person(name string) (Person, bool) {
	i := slices.IndexFunc(f.people, func(p Person) bool { return p.Name == name })
	if i < 0 {
		return Person{}, false
	}
	return f.people[i], true
}

// Schedules are the names of all schedules, in file order.
func (f *File) Schedules() []string {
	names := make([]string, 0, len(f.schedules))
	for _, r := range f.schedules {
		names = append(names, r.name)
	}
	return names
}

// HasSchedule reports whether the file has a schedule of that name.
func (f *File) HasSchedule(name string) bool { return f.rotation(name) != nil }

// Policies are the entries of [policy], in file order.
func (f *File) Policies() []Policy { return f.policies }

// Routes are the entries of [[route]], in file order.
func (f *File) Routes() []Route { return f.routes }

// Covers are the changes of the kind cover, in file order.
func (f *File) Covers() []Cover { return f.changes.covers }

// Adds are the changes of the kind add, in file order.
func (f *File) Adds() []Add { return f.changes.adds }

// Offs are the changes of the kind off, in file order.
func (f *File) Offs() []Off { return f.changes.offs }

// Swaps are the changes of the kind swap, in file order.
func (f *File) Swaps() []Swap { return f.changes.swaps }

func (f *File) rotation(name string) *rotation {
	i := slices.IndexFunc(f.schedules, func(r rotation) bool { return r.name == name })
	if i < 0 {
		return nil
	}
	return &f.schedules[i]
}
