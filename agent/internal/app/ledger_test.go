package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// happened is an event of a container, so many seconds after noon.
func happened(id, action string, after int) event.Event {
	return event.Event{Event: docker.Event{ID: id, Action: action, At: noon().Add(time.Duration(after) * time.Second)}}
}

// lifeOf is a life in seconds after noon; 0 is never.
func lifeOf(began, ended int) event.Life {
	var l event.Life
	if began != 0 {
		l.Began = happened("", "", began).At
	}
	if ended != 0 {
		l.Ended = happened("", "", ended).At
	}
	return l
}

// known is a container that runs since an hour before noon, by an inspect.
func known(name string) docker.Container {
	return docker.Container{ID: name, Name: name, RestartPolicy: "no", Status: "running", PID: 1, StartedAt: noon().Add(-time.Hour)}
}

// Each ledger finds what the one before has told, and only that.
func TestLedgerOutlivesTheAgent(t *testing.T) {
	dir := t.TempDir()
	first := newLedger(dir, testBoot, noon(), testLog(t))
	if got, want := first.of(known("web"), noon()), (event.Life{Began: noon().Add(-time.Hour), Name: "web"}); got != want {
		t.Errorf("without a ledger it is known until %v, expected %v", got, want)
	}
	first.keep(map[string]event.Life{"web": first.of(known("web"), noon()), "db": lifeOf(-10, -20)}, nil)
	if got := first.of(known("new"), noon()); got != (event.Life{Name: "new"}) {
		t.Errorf("what begins later is known by %v", got)
	}
	for _, e := range []event.Event{happened("web", docker.ActionDie, 1), happened("web", docker.ActionStart, 2), happened("new", docker.ActionStart, 3), happened("db", docker.ActionHealth, 4)} {
		first.saw(e.Event)
		first.tell([]event.Event{e})
	}
	first.saw(happened("web", docker.ActionDie, 5).Event) // and is killed before it is told
	first.landed()
	if got, want := first.of(known("web"), noon()), lifeOf(2, 5); !got.Began.Equal(want.Began) || !got.Ended.Equal(want.Ended) {
		t.Errorf("this agent has seen %v, expected %v", got, want)
	}

	for _, tt := range []struct {
		name, boot string
		web        event.Life
	}{
		{"after a kill", testBoot, lifeOf(2, 1)},
		{"after another boot, when all until 1 s was settled", "other", lifeOf(0, 1)},
	} {
		next := newLedger(dir, tt.boot, happened("", "", 1).At, testLog(t))
		if got := next.of(known("web"), noon()); !got.Began.Equal(tt.web.Began) || !got.Ended.Equal(tt.web.Ended) {
			t.Errorf("%s: found %v, expected %v", tt.name, got, tt.web)
		}
		if got := next.of(known("unheard-of"), noon()); got != (event.Life{Name: "unheard-of"}) {
			t.Errorf("%s: what began since is known by %v", tt.name, got)
		}
	}
}

// What is suspected and not told outlives the agent too, until it is told.
func TestSuspicionOutlivesTheAgent(t *testing.T) {
	dir := t.TempDir()
	at := func(s int) time.Time { return happened("", "", s).At }
	died, began := event.Lost{Action: docker.ActionDie, At: at(2), Started: at(1), ExitCode: 3}, event.Lost{Action: docker.ActionStart, At: at(10), Started: at(10)}
	of := func(id string, lost ...event.Lost) event.Suspicion {
		return event.Suspicion{ID: id, Name: "its name", Image: "load:1", Lost: lost}
	}
	l := newLedger(dir, testBoot, noon(), testLog(t))
	expect := func(when string, want ...event.Suspicion) {
		t.Helper()
		l.landed()
		l := newLedger(dir, testBoot, noon(), testLog(t))
		got := l.inherit()
		slices.SortFunc(got, func(a, b event.Suspicion) int { return strings.Compare(a.ID, b.ID) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", when, diff)
		}
		if again := l.inherit(); again != nil {
			t.Errorf("%s: suspected a second time: %v", when, again)
		}
	}
	l.keep(map[string]event.Life{"web": lifeOf(1, 0), "db": lifeOf(1, 0)}, []event.Suspicion{of("web", died), of("removed", died)})
	expect("found when it began", of("removed", died), of("web", died))
	l.suspect(of("web", began))
	l.suspect(of("db", died))
	l.suspect(of("db"))
	expect("found later", of("db", died), of("removed", died), of("web", died, began))
	l.keep(map[string]event.Life{"web": lifeOf(1, 0), "db": lifeOf(1, 0)}, nil)
	expect("written anew without what is gone", of("db", died), of("web", died, began))
	l.tell([]event.Event{happened("web", docker.ActionDie, 2)})
	expect("the death was told", of("db", died), of("web", began))
	l.tell([]event.Event{happened("db", docker.ActionDestroy, 3), happened("web", docker.ActionStart, 9)})
	expect("all was told, one by Docker, a little earlier than it noted")
	l.rewrite()
	l.landed()
	if text, err := os.ReadFile(l.path); err != nil || bytes.Contains(text, []byte("?")) {
		t.Errorf("the file is\n%s\n%v", text, err)
	}
}

// What is gone is forgotten, in memory and in the file.
func TestLedgerIsBounded(t *testing.T) {
	dir := t.TempDir()
	l := newLedger(dir, testBoot, noon(), testLog(t))
	l.keep(map[string]event.Life{"web": {}}, nil)
	for i := range 3 * spareLines {
		id := fmt.Sprint("short-", i)
		for n, action := range []string{docker.ActionStart, docker.ActionDie, docker.ActionDestroy} {
			e := happened(id, action, n+1)
			l.saw(e.Event)
			l.tell([]event.Event{e})
		}
	}
	if len(l.seen) != 1 || len(l.told) != 1 {
		t.Errorf("of one container it knows %d, and has told %d", len(l.seen), len(l.told))
	}
	l.landed()
	text, err := os.ReadFile(filepath.Join(dir, ledgerFile))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines > spareLines+4 {
		t.Errorf("the file has %d lines for one container", lines)
	}
}

func TestParseLedger(t *testing.T) {
	head := ledgerVersion + " " + testBoot + "\n"
	web := string(lifeOf(1, 2).AppendLine(nil, "web"))
	suspected := func(actions ...string) string {
		s := event.Suspicion{ID: "web"}
		for _, action := range actions {
			s.Lost = append(s.Lost, event.Lost{Action: action, At: noon(), ExitCode: 3})
		}
		return string(appendSuspicion(nil, s))
	}
	tests := []struct {
		name, text string
		want       []string // containers, and what is suspected of them
		err        string
	}{
		{"whole", head + web, []string{"web"}, ""},
		{"no container", head, nil, ""},
		{"cut off", head + web + "db 17", []string{"web"}, ""},
		{"a line that makes no sense", head + "db x y\n" + web, []string{"web"}, `line 2: found "db x y", expected a container's id, two times`},
		{"a suspicion", head + web + suspected("die"), []string{"web", "? web die 3"}, ""},
		{"a suspicion that is over", head + web + suspected("die") + suspected(), []string{"web"}, ""},
		{"a suspicion that was replaced", head + suspected("start") + suspected("die"), []string{"? web die 3"}, ""},
		{"a suspicion cut off", head + web + suspected("die") + suspected("start")[:20], []string{"web", "? web die 3"}, ""},
		{"a suspicion that makes no sense", head + "? {]\n" + web, []string{"web"}, `line 2: found "{]", expected what is suspected of a container, as JSON`},
		{"a suspicion of nothing", head + "? {}\n" + web, []string{"web"}, `line 2: found "{}", expected what is suspected`},
		{"empty", "", nil, `line 1: found "", expected "docker-lives 1" and the machine's boot`},
		{"of a later version", "docker-lives 2 x\n" + web, nil, `line 1: found "docker-lives 2 x", expected "docker-lives 1"`},
		{"anything", strings.Repeat("\x00", 1000), nil, `expected "docker-lives 1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, boot, err := parseLedger([]byte(tt.text))
			var ids []string
			for id := range found.told {
				ids = append(ids, id)
			}
			for id, s := range found.suspected {
				for _, l := range s.Lost {
					ids = append(ids, fmt.Sprint("? ", id, " ", l.Action, " ", l.ExitCode))
				}
			}
			if diff := cmp.Diff(tt.want, ids); diff != "" || (found.told != nil && boot != testBoot) {
				t.Errorf("boot %q (-want +got):\n%s", boot, diff)
			}
			if (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) || len(fmt.Sprint(err)) > 500 {
				t.Errorf("error %v, expected %q", err, tt.err)
			}
		})
	}
}

// Wherever a crash cuts the file off, what was whole is known.
func TestLedgerCutAnywhere(t *testing.T) {
	text := []byte(ledgerVersion + " " + testBoot + "\n")
	text = lifeOf(1, 0).AppendLine(text, "web")
	one := len(text)
	text = lifeOf(1, 2).AppendLine(text, "web")
	for cut := one; cut <= len(text); cut++ {
		found, _, err := parseLedger(text[:cut])
		want := lifeOf(1, 0)
		if cut == len(text) {
			want = lifeOf(1, 2)
		}
		if got := found.told["web"]; err != nil || !got.Began.Equal(want.Began) || !got.Ended.Equal(want.Ended) {
			t.Errorf("cut off after %d bytes: %v, %v, expected %v", cut, found, err, want)
		}
	}
}

func FuzzParseLedger(f *testing.F) {
	f.Add([]byte(ledgerVersion + " f3a1\nweb 1 2\n"))
	f.Add([]byte("docker-lives"))
	f.Add([]byte(ledgerVersion + " f3a1\n? " + `{"id":"web","lost":[{"action":"die","at":"2026-11-22T12:00:00Z","exit":3}]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, _, err := parseLedger(data)
		if found.told == nil && err == nil {
			t.Error("nothing is read, and nothing is said")
		}
		for id, s := range found.suspected {
			if id == "" || id != s.ID || len(s.Lost) == 0 {
				t.Errorf("%q: suspects %+v", id, s)
			}
		}
	})
}

// What makes no sense is said, and the agent goes on by the time until which it has seen events.
func TestLedgerThatMakesNoSense(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ledgerFile)
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	l := newLedger(dir, testBoot, noon(), slog.New(slog.NewTextHandler(&log, nil)))
	if got := l.of(known("web"), noon()); !got.Began.Equal(noon().Add(-time.Hour)) || !strings.Contains(log.String(), path) || !strings.Contains(log.String(), "line 1") {
		t.Errorf("found %v; the log says\n%s", got, log.String())
	}
	l.keep(map[string]event.Life{"web": lifeOf(1, 0)}, nil)
	l.landed()
	if got := newLedger(dir, testBoot, noon(), testLog(t)).of(known("web"), noon()); !got.Began.Equal(lifeOf(1, 0).Began) {
		t.Errorf("after it was written anew: %v", got)
	}
}

// After an addition that failed, as on a full disk, nothing is added behind what may be half a line: the file is written anew.
func TestLedgerIsWrittenAnewAfterAFailure(t *testing.T) {
	dir := t.TempDir()
	l := newLedger(dir, testBoot, noon(), testLog(t))
	l.keep(map[string]event.Life{"web": {}, "db": {}}, nil)
	l.landed()
	if err := os.Remove(filepath.Join(dir, ledgerFile)); err != nil {
		t.Fatal(err)
	}
	l.tell([]event.Event{happened("web", docker.ActionStart, 1)}) // cannot be added
	l.tell([]event.Event{happened("db", docker.ActionStart, 2)})
	l.landed()
	next := newLedger(dir, testBoot, noon(), testLog(t))
	for id, want := range map[string]event.Life{"web": lifeOf(1, 0), "db": lifeOf(2, 0)} {
		if got := next.of(known(id), noon()); !got.Began.Equal(want.Began) {
			t.Errorf("%s: found %v, expected %v", id, got, want)
		}
	}
}

// A disk that takes nothing is said once.
func TestLedgerThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	l := newLedger(dir, testBoot, noon(), slog.New(slog.NewTextHandler(&log, nil)))
	l.keep(map[string]event.Life{"web": {}}, nil)
	l.tell([]event.Event{happened("web", docker.ActionStart, 1)})
	l.tell([]event.Event{happened("web", docker.ActionDie, 2)})
	if n := strings.Count(log.String(), "after a restart a start or a death may be told again"); n < 1 || n > 2 { // the folder, the file
		t.Errorf("it is said %d times:\n%s", n, log.String())
	}
	if got := l.of(known("web"), noon()); got != (event.Life{Name: "web"}) {
		t.Errorf("found %v", got)
	}
}
