package event

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"nezuban/agent/internal/docker"
)

// Life is when a container's newest life began and when its newest end was, as far as that is known to somebody; zero: never.
type Life struct {
	Began, Ended time.Time
	Name         string // of the container
}

// With is the life after an event of the container.
func (l Life) With(e docker.Event) Life {
	if e.Name != "" {
		l.Name = e.Name
	}
	switch {
	case e.Action == docker.ActionStart && e.At.After(l.Began):
		l.Began = e.At
	case e.Action == docker.ActionDie && e.At.After(l.Ended):
		l.Ended = e.At
	}
	return l
}

// Until is the life as it was known until a time: a begin or an end after it is not.
func (l Life) Until(at time.Time) Life {
	if l.Began.After(at) {
		l.Began = time.Time{}
	}
	if l.Ended.After(at) {
		l.Ended = time.Time{}
	}
	return l
}

// Runs says that its end is not known.
func (l Life) Runs() bool { return l.Began.After(l.Ended) }

// isOver says whether the end of the container's present life is known. An engine that was killed just after it had told of an end takes
// the container for running when it starts again, and notes another end.
func (l Life) isOver(c docker.Container) bool {
	return l.Ended.After(l.Began) && !l.Began.Before(c.StartedAt) && c.FinishedAt.After(c.StartedAt)
}

// AppendLine adds the life of a container as a line of text: its id, the two times in unix nanoseconds, 0 for never, and its name.
func (l Life) AppendLine(to []byte, id string) []byte {
	return fmt.Appendf(to, "%s %d %d %s\n", id, unixNano(l.Began), unixNano(l.Ended), strings.Join(strings.Fields(l.Name), ""))
}

// ParseLine reads what [Life.AppendLine] has written, without the end of the line.
func ParseLine(line []byte) (id string, l Life, err error) {
	fields := bytes.Fields(line)
	if len(fields) == 3 {
		fields = append(fields, nil) // nobody had told the name
	}
	if len(fields) == 4 {
		began, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
		ended, err2 := strconv.ParseInt(string(fields[2]), 10, 64)
		if err1 == nil && err2 == nil && began >= 0 && ended >= 0 {
			return string(fields[0]), Life{fromUnixNano(began), fromUnixNano(ended), string(fields[3])}, nil
		}
	}
	return "", Life{}, fmt.Errorf("found %q, expected a container's id, two times in unix nanoseconds and a name", line[:min(len(line), 100)])
}

func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromUnixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
