package app

import (
	"errors"
	"time"
)

// writePatience is how long Docker's events, or the end of the agent, wait for the disk of state_dir.
const writePatience = 2 * time.Second

// errNoAnswer is a disk that is there and does not answer, which may pass.
var errNoAnswer = errors.New("the disk does not answer")

// patient writes to a disk, one write at a time, and waits for none that does not answer. It is for one goroutine.
type patient struct {
	late chan struct{} // closed at the end of a write that nobody waits for any more; nil: there is none
}

// do waits for a write, at most writePatience. After errNoAnswer the write is under way still, or, while one before it is, was not begun.
func (p *patient) do(write func() error) error {
	if p.late != nil {
		select {
		case <-p.late:
			p.late = nil
		default:
			return errNoAnswer
		}
	}
	var err error
	ended := make(chan struct{})
	go func() {
		err = write()
		close(ended)
	}()
	timer := time.NewTimer(writePatience)
	defer timer.Stop()
	select {
	case <-ended:
		return err
	case <-timer.C:
		p.late = ended
		return errNoAnswer
	}
}
