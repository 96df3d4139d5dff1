package evidence_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/router/internal/evidence"
	"nezuban/router/internal/rule"
)

// notes writes down what is read.
type notes struct{ lines []string }

func (n *notes) Recall(e rule.Evidence) error {
	if e.Rule == "bad" {
		return errors.New("it is bad")
	}
	n.lines = append(n.lines, "evidence "+e.Rule)
	return nil
}

func (n *notes) Count(results []rule.Counted) int {
	for _, r := range results {
		n.lines = append(n.lines, fmt.Sprintf("%s from %s +%s, taken +%s, bad %v", r.Check, r.Location, r.At.Sub(epoch), r.Taken.Sub(epoch), r.Bad))
	}
	return len(results)
}

func read(t *testing.T, dir string) ([]string, time.Time, error) {
	t.Helper()
	var n notes
	newest, err := evidence.New(dir).Read(&n)
	return n.lines, newest, err
}

func all(names ...string) func(func(rule.Evidence) bool) {
	return func(yield func(rule.Evidence) bool) {
		for _, name := range names {
			if !yield(rule.Evidence{Version: 1, Rule: name, Check: "c"}) {
				return
			}
		}
	}
}

func result(second int) rule.Counted {
	at := epoch.Add(time.Duration(second) * time.Second)
	return rule.Counted{Check: "shop", Location: "tokyo", At: at, Taken: at.Add(time.Second), Bad: second%2 == 1}
}

func TestWhatIsKeptIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	if lines, newest, err := read(t, dir); lines != nil || !newest.IsZero() || err != nil {
		t.Fatalf("before anything is kept: %v, %s, %v", lines, newest, err)
	}
	s := evidence.New(dir)
	if err := s.Append([]rule.Counted{result(0)}); err == nil {
		t.Error("there was no checkpoint, and no error")
	}
	if !s.Due() {
		t.Error("the first checkpoint is not due")
	}
	for _, step := range []struct {
		name string
		do   error
		want []string
	}{
		{"a checkpoint", s.Checkpoint(all("a", "b")), []string{"evidence a", "evidence b"}},
		{"results", s.Append([]rule.Counted{result(1), result(2)}), nil},
		{"no results", s.Append(nil), nil},
		{"a checkpoint", s.Checkpoint(all("a", "c")), []string{"evidence a", "evidence c"}},
		{"a result", s.Append([]rule.Counted{result(3)}), []string{"evidence a", "evidence c", "shop from tokyo +3s, taken +4s, bad true"}},
	} {
		if step.do != nil {
			t.Errorf("%s: %v", step.name, step.do)
		}
	}
	lines, newest, err := read(t, dir)
	if want := []string{"evidence a", "evidence c", "shop from tokyo +3s, taken +4s, bad true"}; !slices.Equal(lines, want) || err != nil || !newest.Equal(epoch.Add(4*time.Second)) {
		t.Errorf("read %v, the newest of %s, %v; want %v", lines, newest, err, want)
	}
	if s.Due() {
		t.Error("a checkpoint is due after one result")
	}
	if err := os.WriteFile(filepath.Join(dir, ".new-1"), nil, 0o600); err != nil { // a kill has left it
		t.Fatal(err)
	}
	if err := s.Checkpoint(all("a")); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 {
		t.Errorf("found %v, want one checkpoint and one journal", entries)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestACheckpointIsDueWhenTheJournalIsLarge bounds what a start must read.
func TestACheckpointIsDueWhenTheJournalIsLarge(t *testing.T) {
	s := evidence.New(t.TempDir())
	if err := s.Checkpoint(all("a")); err != nil {
		t.Fatal(err)
	}
	batch := slices.Repeat([]rule.Counted{result(1)}, 1000)
	n := 0
	for ; !s.Due() && n < 1000; n++ {
		if err := s.Append(batch); err != nil {
			t.Fatal(err)
		}
	}
	if n < 20 || n > 60 {
		t.Errorf("due after %d thousand results, want some 4 MiB of them", n)
	}
	if err := s.Checkpoint(all("a")); err != nil || s.Due() {
		t.Errorf("after a checkpoint: %v, due: %v", err, s.Due())
	}
}

// TestACheckpointThatFailsLosesNothing: what was kept is there, and what follows is.
func TestACheckpointThatFailsLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s := evidence.New(dir)
	if err := s.Checkpoint(all("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Append([]rule.Counted{result(1)}); err != nil {
		t.Fatal(err)
	}
	broken := rule.Evidence{Version: 1, Rule: "b", Check: "c"}
	broken.Newest = epoch.AddDate(10_000, 0, 0) // has no JSON
	if err := s.Checkpoint(func(yield func(rule.Evidence) bool) { yield(broken) }); err == nil {
		t.Fatal("no error")
	}
	if err := s.Append([]rule.Counted{result(2)}); err != nil {
		t.Fatal(err)
	}
	lines, _, err := read(t, dir)
	if want := []string{"evidence a", "shop from tokyo +1s, taken +2s, bad true", "shop from tokyo +2s, taken +3s, bad false"}; !slices.Equal(lines, want) || err != nil {
		t.Errorf("read %v, %v; want %v", lines, err, want)
	}
	if err := s.Checkpoint(all("b")); err != nil {
		t.Fatal(err)
	}
	if lines, _, err := read(t, dir); !slices.Equal(lines, []string{"evidence b"}) || err != nil {
		t.Errorf("read %v, %v; want the new one alone", lines, err)
	}
}

// TestWhatACheckpointHoldsIsNotReadBesides: the router died before it deleted what was written before.
func TestWhatACheckpointHoldsIsNotReadBesides(t *testing.T) {
	dir := t.TempDir()
	s := evidence.New(dir)
	for _, err := range []error{s.Checkpoint(all("a")), s.Append([]rule.Counted{result(1)})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := map[string][]byte{}
	for _, name := range []string{"1.checkpoint", "1.journal"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		before[name] = text
	}
	for _, err := range []error{s.Checkpoint(all("b")), s.Append([]rule.Counted{result(2)})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range before {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines, _, err := read(t, dir)
	if want := []string{"evidence b", "shop from tokyo +2s, taken +3s, bad false"}; !slices.Equal(lines, want) || err != nil {
		t.Errorf("read %v, %v; want %v", lines, err, want)
	}
}

func TestWhatCannotBeReadIsNamedAndHidesNothing(t *testing.T) {
	good := `{"check":"shop","location":"tokyo","at":"2026-11-22T10:00:01Z","taken":"2026-11-22T10:00:02Z"}` + "\n"
	for _, tt := range []struct {
		name, file, text string
		want             int    // lines read
		err              string // "" for none
	}{
		{"a result that was being written", "1.journal", good + good[:30], 1, ""},
		{"a line of nonsense", "1.journal", good + "nonsense\n" + good, 2, "1.journal, line 2: invalid character"},
		{"another type", "1.journal", good + `{"check":7}` + "\n", 1, "1.journal, line 2: json: cannot unmarshal number into Go struct field Counted.check"},
		{"a result of no check", "1.journal", `{"location":"tokyo"}` + "\n" + good, 1, `1.journal, line 1: found "{\"location\":\"tokyo\"}", expected a check and two times`},
		{"a line without an end of its own", "1.journal", good + strings.Repeat("x", 5<<20), 1, "1.journal, after line 1: bufio.Scanner: token too long"},
		{"very many mistakes", "1.journal", strings.Repeat("x\n", 1000) + good, 1, "1.journal, line 5: invalid"},
		{"a checkpoint that is not packed", "1.checkpoint", good, 0, "1.checkpoint: gzip: invalid header"},
		{"an empty checkpoint", "1.checkpoint", "", 0, "1.checkpoint: EOF"},
		{"a file of somebody else", "README", "x", 0, ""},
		{"a number like none of ours", "01.journal", good, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			lines, _, err := read(t, dir)
			if len(lines) != tt.want || tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("read %d lines, %v; want %d and %q", len(lines), err, tt.want, tt.err)
			}
			if err != nil && len(err.Error()) > 4000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			s := evidence.New(dir)
			if err := s.Checkpoint(all("a", "bad", "b")); err != nil {
				t.Fatal(err)
			}
			lines, _, err = read(t, dir)
			if !slices.Equal(lines, []string{"evidence a", "evidence b"}) || err == nil || !strings.Contains(err.Error(), "line 2: it is bad") {
				t.Errorf("after a checkpoint: %v, %v; want a and b, and that the second line is bad", lines, err)
			}
		})
	}
}

// FuzzRead reads a journal of anything.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"check":"shop","location":"tokyo","at":"2026-11-22T10:00:01Z","taken":"2026-11-22T10:00:02Z","bad":true}` + "\n"))
	f.Add([]byte("{}\n[]\nnull\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "1.journal"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		var n notes
		if _, err := evidence.New(dir).Read(&n); err == nil && len(n.lines) != strings.Count(string(text), "\n") {
			t.Errorf("read %d results of %d lines without an error", len(n.lines), strings.Count(string(text), "\n"))
		}
	})
}
