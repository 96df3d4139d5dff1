package influx

import (
	"sync"
	"time"
)

// How long a disk may take. A write goes to the kernel's memory and takes microseconds; one that takes longer than diskPatience waits
// for a disk that is busy beyond measure or does not answer at all, and nobody shall wait with it.
const (
	diskPatience  = 250 * time.Millisecond
	closePatience = 3 * time.Second // for all that is put on the disk at the end
)

// hand does jobs on a disk, one at a time, each in a goroutine of its own: whoever wants one done can go on when the disk does not
// answer, as on a network share that is gone, or a file system that is frozen. It is safe for concurrent use.
type hand struct {
	free chan struct{} // holds one while no job is under way

	mu    sync.Mutex
	began time.Time // of the job under way, zero without one; mu guards it
}

func newHand() *hand {
	h := &hand{free: make(chan struct{}, 1)}
	h.free <- struct{}{}
	return h
}

// outcome is what became of a job.
type outcome int

// Outcomes.
const (
	jobDone    outcome = iota
	jobLate            // under way: it ends when the disk answers, if ever
	jobRefused         // not begun: the one before it is late
)

// do begins a job as soon as the one before it has ended, and waits for its end, each for as long as patience has. When the job ends
// after do has returned jobLate, afterwards is called, unless nil, before any other job.
func (h *hand) do(patience time.Duration, job, afterwards func()) outcome {
	if !h.acquire(patience) {
		return jobRefused
	}
	ended := make(chan struct{})
	var over, alone bool // mu guards them
	go func() {
		job()
		h.mu.Lock()
		over = true
		late := alone
		h.mu.Unlock()
		if late && afterwards != nil {
			afterwards()
		}
		h.release()
		close(ended)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
		return jobDone
	case <-timer.C:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if over {
		return jobDone
	}
	alone = true
	return jobLate
}

// acquire waits until no job is under way, but not for one that has had its time.
func (h *hand) acquire(patience time.Duration) bool {
	select {
	case <-h.free:
	default:
		timer := time.NewTimer(h.left(patience))
		defer timer.Stop()
		select {
		case <-h.free:
		case <-timer.C:
			return false
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.began = time.Now()
	return true
}

func (h *hand) release() {
	h.mu.Lock()
	h.began = time.Time{}
	h.mu.Unlock()
	h.free <- struct{}{}
}

// left is what the job under way still has of patience.
func (h *hand) left(patience time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.began.IsZero() {
		return patience
	}
	return patience - time.Since(h.began)
}
