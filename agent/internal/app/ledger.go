package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// Where the ledger is, and how its file begins.
const (
	ledgerFile     = "docker-lives"
	ledgerVersion  = "docker-lives 1"
	maxLedgerBytes = 64 << 20
	spareLines     = 1000 // that may be outdated before the file is written anew
	suspicionMark  = "? " // begins the line of a suspicion
	bootIDFile     = "/proc/sys/kernel/random/boot_id"
)

// ledger is what was told of the life of each container. It outlives the agent in a file, to which each start and each death is added
// as soon as it is written: what Docker's list has and the ledger has not happened while nobody looked. It is for one goroutine.
//
// The file's first line has its version and the machine's boot; each other has a container's id, when its newest life began and
// ended, and its name; or, behind a mark, what is suspected of it and not told yet, as JSON. Of several lines of one kind and container
// the last counts.
type ledger struct {
	path    string // empty: nothing outlives the agent
	boot    string
	trouble *daemon.Condition
	disk    patient

	filled bool                  // it has all containers that there were: others began since
	seen   map[string]event.Life // by container id: what this agent has seen, told or not
	kept                         // what the file has
	left   []event.Suspicion     // by an agent that ended before it told
	lines  int                   // of the file
	torn   bool                  // it may end within a line, or be gone: nothing is added to it
}

// kept is what the file says.
type kept struct {
	told      map[string]event.Life      // by container id
	suspected map[string]event.Suspicion // likewise; none is empty
}

// newLedger reads what an earlier agent left in dir; an empty dir keeps nothing. After another boot only what was settled by then counts:
// what was told later may never have reached the disk of a spool. A file that makes no sense is as good as none, and said so.
func newLedger(dir, boot string, settled time.Time, log *slog.Logger) *ledger {
	l := &ledger{
		boot: boot, trouble: daemon.NewCondition(log, "state_dir"),
		seen: make(map[string]event.Life), kept: kept{make(map[string]event.Life), make(map[string]event.Suspicion)},
	}
	if dir == "" {
		return l
	}
	l.path = filepath.Join(dir, ledgerFile)
	file, same, err := l.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l
	case file.told == nil:
		log.Warn("it is not known which starts and deaths were told: some of while no agent ran may be told twice, or not", "error", err)
		return l
	case err != nil:
		log.Warn("a start or a death may be told again", "error", err)
	}
	l.filled = true
	for id, life := range file.told {
		if !same {
			life = life.Until(settled)
		}
		l.seen[id], l.told[id] = life, life
	}
	l.suspected = file.suspected
	l.left = slices.Collect(maps.Values(file.suspected))
	return l
}

// read gives what the file has, and whether it is of this boot. An error beside it is of lines that are left out.
func (l *ledger) read() (found kept, same bool, err error) {
	file, err := os.Open(l.path)
	if err != nil {
		return kept{}, false, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxLedgerBytes))
	if err != nil {
		return kept{}, false, err
	}
	found, boot, err := parseLedger(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", l.path, err)
	}
	return found, boot == l.boot, err
}

// parseLedger reads the text of the file. A last line without an end was cut off by a crash.
func parseLedger(data []byte) (found kept, boot string, err error) {
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	boot, ok := strings.CutPrefix(string(head), ledgerVersion+" ")
	if !ok {
		return kept{}, "", fmt.Errorf("line 1: found %q, expected %q and the machine's boot", head[:min(len(head), 64)], ledgerVersion)
	}
	found = kept{make(map[string]event.Life), make(map[string]event.Suspicion)}
	for n := 2; ; n++ {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			return found, boot, err
		}
		if bad := found.take(line); bad != nil && err == nil {
			err = fmt.Errorf("line %d: %w", n, bad)
		}
		rest = more
	}
}

// take reads one line.
func (k kept) take(line []byte) error {
	text, suspicion := bytes.CutPrefix(line, []byte(suspicionMark))
	if !suspicion {
		id, life, err := event.ParseLine(line)
		if err == nil {
			k.told[id] = life
		}
		return err
	}
	var s event.Suspicion
	if err := json.Unmarshal(text, &s); err != nil || s.ID == "" {
		return fmt.Errorf("found %q, expected what is suspected of a container, as JSON", text[:min(len(text), 100)])
	}
	k.suspect(s)
	return nil
}

// suspect replaces what is suspected of a container.
func (k kept) suspect(s event.Suspicion) {
	if len(s.Lost) == 0 {
		delete(k.suspected, s.ID)
		return
	}
	k.suspected[s.ID] = s
}

// of is what is known of a container that there is; until says until when events were seen, for one that an agent without a ledger knew.
func (l *ledger) of(c docker.Container, until time.Time) event.Life {
	life, ok := l.seen[c.ID]
	switch {
	case ok || l.filled:
	case c.Known():
		life = event.Life{Began: c.StartedAt, Ended: c.FinishedAt}.Until(until)
	default: // nothing was told of its times
		life = event.Life{Began: until, Ended: until}
	}
	life.Name = c.Name
	return life
}

// runs says that a container ran when it was seen last.
func (l *ledger) runs(id string) bool { return l.seen[id].Runs() }

// others are the lives of containers that are not among these, as far as they ran when they were seen last.
func (l *ledger) others(these map[string]event.Life) map[string]event.Life {
	found := make(map[string]event.Life)
	for id, life := range l.seen {
		if _, there := these[id]; !there && life.Runs() {
			found[id] = life
		}
	}
	return found
}

// inherit gives what the agent before had suspected and not told, once.
func (l *ledger) inherit() []event.Suspicion {
	left := l.left
	l.left = nil
	return left
}

// suspect notes what is suspected of a container and not told yet: it may be all that there is of a life that the engine overwrites.
func (l *ledger) suspect(s event.Suspicion) {
	before := l.suspected[s.ID]
	s = before.With(s)
	if !slices.Equal(s.Lost, before.Lost) {
		l.append(l.suspicion(nil, s))
	}
}

// suspicion replaces what is suspected of a container, and adds the line that says so.
func (l *ledger) suspicion(to []byte, s event.Suspicion) []byte {
	l.kept.suspect(s)
	l.lines++
	return appendSuspicion(to, s)
}

func appendSuspicion(to []byte, s event.Suspicion) []byte {
	text, _ := json.Marshal(s) // of texts, times and a number
	return fmt.Appendf(to, "%s%s\n", suspicionMark, text)
}

// keep replaces what is known by these lives, which are all that there are, and adds what is suspected.
func (l *ledger) keep(lives map[string]event.Life, since []event.Suspicion) {
	suspected := make(map[string]event.Suspicion)
	for id, s := range l.suspected {
		if _, there := lives[id]; there { // the death of it may be held, to see who asked for it
			suspected[id] = s
		}
	}
	for _, s := range since {
		suspected[s.ID] = l.suspected[s.ID].With(s)
	}
	told := make(map[string]event.Life, len(lives))
	for id, life := range lives {
		if before, ok := l.told[id]; ok {
			life = before
		}
		told[id] = life
	}
	l.seen, l.kept, l.filled = lives, kept{told, suspected}, true
	l.rewrite()
}

// saw notes an event, which this agent will tell.
func (l *ledger) saw(e docker.Event) {
	switch e.Action {
	case docker.ActionDestroy, docker.ActionGone:
		delete(l.seen, e.ID)
	case docker.ActionStart, docker.ActionDie:
		l.seen[e.ID] = l.seen[e.ID].With(e)
	}
}

// tell notes events that are written.
func (l *ledger) tell(events []event.Event) {
	var text []byte
	for _, e := range events {
		switch e.Action {
		case docker.ActionDestroy, docker.ActionGone:
			if life := l.told[e.ID]; life.Runs() {
				life.Ended = e.At // the file has it until it is written anew
				text = life.AppendLine(text, e.ID)
				l.lines++
			}
			delete(l.told, e.ID)
			if _, ok := l.suspected[e.ID]; ok {
				text = l.suspicion(text, event.Suspicion{ID: e.ID})
			}
		case docker.ActionStart, docker.ActionDie:
			life := l.told[e.ID].With(e.Event)
			l.told[e.ID] = life
			text = life.AppendLine(text, e.ID)
			l.lines++
			if before, ok := l.suspected[e.ID]; ok {
				text = l.suspicion(text, before.Without(e))
			}
		}
	}
	l.append(text)
}

// append adds lines to the file, or writes it anew when it has grown long.
func (l *ledger) append(text []byte) {
	switch {
	case l.path == "" || len(text) == 0:
	case l.torn || l.lines > 2*(len(l.told)+len(l.suspected))+spareLines:
		l.rewrite()
	default:
		l.write(func() error { return l.add(text) })
	}
}

// write changes the file. It is written anew later if the disk does not take the change, or does not answer: nobody waits for that.
func (l *ledger) write(change func() error) {
	err := l.disk.do(change)
	l.torn = err != nil
	l.note(err)
}

func (l *ledger) add(text []byte) error {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// rewrite writes the file anew.
func (l *ledger) rewrite() {
	if l.path == "" {
		return
	}
	text := fmt.Appendf(nil, "%s %s\n", ledgerVersion, l.boot)
	for id, life := range l.told {
		text = life.AppendLine(text, id)
	}
	for _, s := range l.suspected {
		text = appendSuspicion(text, s)
	}
	l.lines = len(l.told) + len(l.suspected)
	l.write(func() error { return replaceFile(l.path, string(text)) })
}

func (l *ledger) note(err error) {
	if err != nil {
		l.trouble.Failed(fmt.Errorf("after a restart a start or a death may be told again: %w", err))
		return
	}
	l.trouble.OK()
}

// bootID names the time since the machine was started; "" when the kernel does not say it.
func bootID() string {
	text, err := os.ReadFile(bootIDFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
