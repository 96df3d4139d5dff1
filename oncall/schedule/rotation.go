package schedule

// rotation is one schedule: its layers, the lowest first.
type rotation struct {
	name string
}
