package influx

import "time"

// easyRequest is how long a request may have taken after which a larger batch is offered: what is urgent waits behind one request.
const easyRequest = requestTimeout / 2

// smaller is how many bytes the next batch may have after one of so many was too much for a server.
func smaller(batch int) int { return max(batch/2, 1) }

// larger is how many bytes the next batch may have, where it was limit, after one that a server accepted: more by a quarter when
// the batch needed the room and went quickly, at most maxBatchBytes. What was too much once may be so still, so that growing is
// slower than shrinking: four batches or more are taken for each that is not.
func larger(limit, batch int, took time.Duration) int {
	if batch <= limit/2 || took > easyRequest {
		return limit
	}
	most := max(limit, batch) // a single line may be longer than the limit
	return min(most+max(most/4, 1), maxBatchBytes)
}
