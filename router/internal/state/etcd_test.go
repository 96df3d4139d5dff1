package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The library takes its own address from a list, in which some characters divide or mean something.
func TestTheStateMayStandInAFolderOfAnyName(t *testing.T) {
	for _, name := range []string{"a,b", "a=b", "a b", "a%2Fb", "a?b", "a#b", "ä", "~a-b_c.d"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			server, client, err := startEmbedded(t.Context(), dir, 0, func(err error) { t.Error(err) })
			if err != nil {
				t.Fatal(err)
			}
			_ = client.Close()
			server.Close()
		})
	}
}

func TestSocketDir(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	first, err := socketDir(long)
	if err != nil || len(first) > longestSocketDir {
		t.Fatalf("found %q, %v, want a short path", first, err)
	}
	if again, err := socketDir(long); err != nil || again != first {
		t.Errorf("found %q, %v, want the same again", again, err)
	}
	if other, err := socketDir(long + "er"); err != nil || other == first {
		t.Errorf("found %q, %v, want another folder for another path", other, err)
	}
	if err := os.Chmod(first, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := socketDir(long); err == nil || !strings.Contains(err.Error(), "nobody else may enter") {
		t.Errorf("found %v for a folder that others may enter", err)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := socketDir(long); err == nil {
		t.Error("a link that somebody laid was followed")
	}
}
