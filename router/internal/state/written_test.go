package state

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const writtenTestHead = `{"version":1,"database":"db"}` + "\n"

func TestTheListOfWhatIsWritten(t *testing.T) {
	for _, row := range []struct {
		name, text string // of the file; "-": there is none
		want       []string
	}{
		{"no file", "-", []string{"A", "B", "C"}},
		{"an empty file", "", []string{"A", "B", "C"}},
		{"half a first line", writtenTestHead[:9], []string{"A", "B", "C"}},
		{"nothing yet", writtenTestHead, []string{"A", "B", "C"}},
		{"some", writtenTestHead + "C\nA\n", []string{"B"}},
		{"one that is deleted, and one twice", writtenTestHead + "Z\nA\nA\n", []string{"B", "C"}},
		{"torn", writtenTestHead + "A\nB", []string{"B", "C"}},
		{"nonsense within", writtenTestHead + "A\n\x00\x00\x00\nB\n", []string{"C"}},
		{"of another database", `{"version":1,"database":"other"}` + "\nA\nB\n", []string{"A", "B", "C"}},
		{"of a newer release", `{"version":2,"database":"db"}` + "\nA\nB\n", []string{"A", "B", "C"}},
		{"another file altogether", strings.Repeat("x", 1<<20), []string{"A", "B", "C"}},
		{"a line without end", writtenTestHead + "A\n" + strings.Repeat("x", 1<<20), []string{"A", "B", "C"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "list")
			if row.text != "-" {
				if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w, lacking, err := OpenWritten(path, "db", []string{"C", "A", "B"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, lacking); diff != "" {
				t.Errorf("lacking (-want +found):\n%s", diff)
			}
			for i, id := range lacking {
				if err := w.Add([]string{id}); err != nil {
					t.Fatal(err)
				}
				if again := lackingOf(t, path, "A", "B", "C"); !slices.Equal(again, lacking[i+1:]) {
					t.Errorf("opened again it lacks %q, want %q", again, lacking[i+1:])
				}
			}
			if err := w.Add(nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func lackingOf(t *testing.T, path string, ids ...string) []string {
	t.Helper()
	_, lacking, err := OpenWritten(path, "db", ids)
	if err != nil {
		t.Fatal(err)
	}
	return lacking
}

// A crash may leave any part of what was being added: nothing is thought to be written that was not, and what was noted
// before is known, also after more was added behind the crash.
func TestTheListOfWhatIsWrittenSurvivesACrashAtAnyByte(t *testing.T) {
	before, during, after := []string{"01A", "01B"}, []string{"01C", "01D"}, []string{"01E"}
	all := slices.Concat(before, during, after)
	noted := writtenTestHead + "01A\n01B\n"
	for cut := range len("01C\n01D\n") {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(noted+"01C\n01D\n"[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		w, lacking, err := OpenWritten(path, "db", all)
		if want := all[2+cut/4:]; err != nil || !slices.Equal(lacking, want) {
			t.Errorf("cut at %d: it lacks %q, %v, want %q", cut, lacking, err, want)
		}
		if err := w.Add(after); err != nil {
			t.Fatal(err)
		}
		if found, want := lackingOf(t, path, all...), during[cut/4:]; !slices.Equal(found, want) {
			t.Errorf("cut at %d, with more behind: it lacks %q, want %q", cut, found, want)
		}
	}
}

func TestTheListOfWhatIsWrittenThatCannotBeKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	if _, _, err := OpenWritten(filepath.Join(path, "nowhere"), "db", nil); err == nil || !strings.Contains(err.Error(), "list of written incidents") {
		t.Errorf("in no folder: found %v", err)
	}
	w, _, err := OpenWritten(path, "db", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := w.Add([]string{"B"}); err != nil {
		t.Errorf("deleted meanwhile: %v", err)
	}
	if lacking := lackingOf(t, path, "A", "B"); !slices.Equal(lacking, []string{"A"}) {
		t.Errorf("deleted meanwhile it lacks %q, want what was there before", lacking)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.Add([]string{"C"}); err == nil || !strings.Contains(err.Error(), "note written incidents") {
		t.Errorf("a folder in its place: found %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := w.Add([]string{"C"}); err != nil || !slices.Equal(lackingOf(t, path, "C", "D"), []string{"D"}) {
		t.Errorf("after that: found %v", err)
	}
}

func TestAnArchiveTellsWhatIsFiled(t *testing.T) {
	s, a := open(t, t.TempDir()), newArchive(t)
	var told []string
	a.OnFiled(func(id string) {
		if _, err := a.Closed(id); err != nil {
			t.Errorf("told of %s before its file is there: %v", id, err)
		}
		told = append(told, id)
	})
	filed(t, s, a, 0, 3)
	shared, err := packed(Closed{Incident: sample("I000007", 0, 0).Incidents[0]})
	if err != nil {
		t.Fatal(err)
	}
	report := func(err error) { t.Error(err) }
	if err := a.take(closedPrefix+"I000007", []byte(shared), report); err != nil { // of the leader, on another router
		t.Fatal(err)
	}
	want := []string{"I000000", "I000001", "I000002", "I000007"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +found):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(a.dir, ".new-123"), nil, 0o600); err != nil { // left by a crash
		t.Fatal(err)
	}
	ids, err := a.IDs()
	slices.Sort(ids)
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("listed %q, %v, want %q", ids, err, want)
	}
	if err := os.RemoveAll(a.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := a.IDs(); err == nil || !strings.Contains(fmt.Sprint(err), "list closed incidents") {
		t.Errorf("without a folder: %v", err)
	}
}
