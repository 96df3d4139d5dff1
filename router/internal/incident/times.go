package incident

import "time"

// TimeToDetect is how long after it began the incident was opened: by the earliest alert in it. It is 0 for one that was
// reported in advance of its time.
func (inc Incident) TimeToDetect() time.Duration {
	began := inc.OpenedAt
	for _, a := range inc.Alerts {
		if a.First.Before(began) && !a.First.IsZero() {
			began = a.First
		}
	}
	return inc.OpenedAt.Sub(began)
}

// TimeToAcknowledge is how long after its opening somebody first had the incident; false while nobody has.
func (inc Incident) TimeToAcknowledge() (time.Duration, bool) {
	return inc.FirstAckAt.Sub(inc.OpenedAt), !inc.FirstAckAt.IsZero()
}

// TimeToResolve is how long after its opening the incident was over; false while it is not.
func (inc Incident) TimeToResolve() (time.Duration, bool) {
	return inc.ResolvedAt.Sub(inc.OpenedAt), !inc.ResolvedAt.IsZero()
}
