package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/internal/event"
)

// What is kept of until when Docker's events were seen, and where.
const (
	seenFile     = "docker-seen"
	maxSeenBytes = 4 << 10
	oldestYear   = 2020 // no agent is older; Docker is asked for no nonsense

	rememberEvery = 10 * time.Second
	// quietFor is how long ago a silence must be to mean that nothing happened:
	// an event takes less from Docker to us.
	quietFor = 5 * time.Second
)

// memory is until when Docker's events were seen. It outlives the agent in a
// file of one line, so that the next one tells what happened between the two.
// It is safe for concurrent use.
type memory struct {
	path    string       // empty: nothing outlives the agent
	told    func() error // waits until all that was told is on disk, or sent
	trouble *daemon.Condition
	wake    chan struct{} // something is to be saved

	mu      sync.Mutex
	began   time.Time // what was until then is not told: an earlier agent did, or it is in the present state
	until   time.Time // newest event, or end of a silence; zero before the first stream
	settled time.Time // as until, but all that was before is told as well

	saving sync.Mutex
	saved  time.Time // what the file holds
	disk   patient   // saving guards it
}

// newMemory reads what an earlier agent left in dir; an empty dir keeps nothing.
// A file that makes no sense is as good as none, and said so.
func newMemory(dir string, now time.Time, told func() error, log *slog.Logger) *memory {
	m := &memory{told: told, trouble: daemon.NewCondition(log, "state_dir"), wake: make(chan struct{}, 1)}
	if dir == "" {
		return m
	}
	m.path = filepath.Join(dir, seenFile)
	until, err := readSeen(m.path, now)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		log.Warn("deaths while no agent ran are not told", "error", err)
	default:
		m.began, m.until, m.settled, m.saved = until, until, until, until
		log.Info("docker's events are told from where they were left", "since", until)
	}
	return m
}

func readSeen(path string, now time.Time) (time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSeenBytes))
	if err != nil {
		return time.Time{}, err
	}
	until, err := parseSeen(data, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	return until, nil
}

// parseSeen reads the first line of the file; a later version may add more. A
// time after now is of a clock that was wrong, and says nothing.
func parseSeen(data []byte, now time.Time) (time.Time, error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimSpace(line)
	until, err := time.Parse(time.RFC3339Nano, string(line))
	switch {
	case err != nil, until.UTC().Year() < oldestYear:
		return time.Time{}, fmt.Errorf("found %q, expected a time as in RFC 3339", line[:min(len(line), 64)])
	case until.After(now):
		return time.Time{}, fmt.Errorf("found %q, expected a time in the past", line)
	}
	return until.UTC(), nil
}

// since is from when on a stream opened now must tell. It goes back behind what
// was seen: events are not always told in the order of their times, and the
// kill that explains a death may be as old as a stop is patient.
func (m *memory) since(now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until.IsZero() {
		return now.Add(-event.StopWindow)
	}
	return m.until.Add(-event.StopWindow)
}

// begin notes that a stream that was opened at asked is there. The first one,
// of an agent without memory, is where seeing begins: nothing before it waits
// to be told.
func (m *memory) begin(asked time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until.IsZero() {
		begun := asked.Round(0)
		m.began, m.until, m.settled = begun, begun, begun
	}
}

// isNew says whether what happened at that time is for this agent to tell.
func (m *memory) isNew(at time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return at.After(m.began)
}

// seenUntil is until when events were seen.
func (m *memory) seenUntil() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.until
}

// saw notes that all events until then were seen.
func (m *memory) saw(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until.After(m.until) {
		m.until = until.Round(0) // of wall clocks only: the next agent has another monotonic one
	}
}

// back notes that the clock was put back: nothing was seen after to.
func (m *memory) back(to time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range []*time.Time{&m.began, &m.until, &m.settled} {
		if at.After(to) {
			*at = to
		}
	}
}

// settle notes that all that was seen is told, but for what happened at
// undecided and later; zero when nothing waits. It goes back with the clock alone.
func (m *memory) settle(undecided time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	settled := m.until
	if !undecided.IsZero() && !undecided.After(settled) {
		settled = undecided.Add(-1)
	}
	if settled.After(m.settled) {
		m.settled = settled.Round(0)
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run saves, each time that something is settled, until ended is closed. It is
// apart from what follows Docker: a slow disk delays no page.
func (m *memory) run(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-m.wake:
			m.save()
		}
	}
}

// save writes what is settled, if that is news.
func (m *memory) save() {
	m.saving.Lock()
	defer m.saving.Unlock()
	m.mu.Lock()
	settled := m.settled
	m.mu.Unlock()
	if m.path == "" || settled.IsZero() || settled.Equal(m.saved) {
		return
	}
	err := m.disk.do(func() error {
		if err := m.told(); err != nil { // else a loss of power would leave a gap that nobody tells
			return fmt.Errorf("events are told again after a restart: %w", err)
		}
		if err := replaceFile(m.path, settled.UTC().Format(time.RFC3339Nano)+"\n"); err != nil {
			return fmt.Errorf("deaths while no agent runs will not all be told: %w", err)
		}
		return nil
	})
	if errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("events are told again after a restart: %w", err)
	}
	if err != nil {
		m.trouble.Failed(err)
		return
	}
	m.saved = settled
	m.trouble.OK()
}

// replaceFile puts text at path in one step, and makes its folder if need be.
// After a loss of power the file holds the old text or the new.
func replaceFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	next := path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(next, path)
}
