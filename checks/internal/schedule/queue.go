package schedule

// queue is a heap of checks by due time; container/heap drives it. Each item knows its place.
type queue []*item

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is for container/heap only.
func (q *queue) Push(x any) {
	it := x.(*item)
	it.place = len(*q)
	*q = append(*q, it)
}

// Pop is for container/heap only.
func (q *queue) Pop() any {
	last := len(*q) - 1
	it := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return it
}
