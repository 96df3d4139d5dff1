// Package loop is what the loops that `make bench-agent` measures have in common: when they read, and what they tell.
//
// Packages bareloop and handler call [Run]; package manager, a module of its own, answers the same questions.
package loop

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Run calls round at every multiple of interval on the wall clock, as the agent takes its samples, until standard input ends or a
// round fails. It answers each line "BEGIN END" there, times in Unix nanoseconds, with a line that says how many samples were
// taken between the two.
func Run(interval time.Duration, round func() (samples int, err error)) error {
	var taken Counter
	ended := make(chan error, 1)
	go func() { ended <- taken.Answer(os.Stdin, os.Stdout) }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		now := time.Now()
		timer.Reset(now.Truncate(interval).Add(interval).Sub(now))
		select {
		case err := <-ended:
			return err
		case at := <-timer.C:
			n, err := round()
			if err != nil {
				return err
			}
			taken.Add(at, n)
		}
	}
}

// Counter remembers when samples were taken. It is safe for concurrent use; the zero value has none.
type Counter struct {
	mu    sync.Mutex
	taken []taken
}

type taken struct {
	at int64 // Unix ns
	n  int
}

// Add notes some samples.
func (c *Counter) Add(at time.Time, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, taken{at.UnixNano(), n})
}

// Answer answers the lines that are asked until there are no more.
func (c *Counter) Answer(questions io.Reader, answers io.Writer) error {
	lines := bufio.NewScanner(questions)
	for lines.Scan() {
		var begin, end int64
		if _, err := fmt.Sscan(lines.Text(), &begin, &end); err != nil {
			return fmt.Errorf("found %q, expected two times in ns: %w", lines.Text(), err)
		}
		if _, err := fmt.Fprintln(answers, c.between(begin, end)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// between counts from begin to before end.
func (c *Counter) between(begin, end int64) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.taken {
		if begin <= t.at && t.at < end {
			n += t.n
		}
	}
	return n
}
