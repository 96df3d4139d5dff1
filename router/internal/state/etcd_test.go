package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

// TestAStateFolderMayHaveAnyName starts the embedded member where a URL, or a list of them, could end in the middle.
func TestAStateFolderMayHaveAnyName(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	root := t.TempDir()
	for _, name := range []string{"a,b", "a b", "50%", "%2f", "what?", "#1", "a=b", "größe", "a\nb", "a;b&c", "[x]:1", `a\b`} {
		for range 2 { // the second time there is something to be read
			s, err := Open(t.Context(), filepath.Join(root, name))
			if err != nil {
				t.Errorf("folder %q: %v", name, err)
				break
			}
			s.Close()
		}
	}
}

func TestNoFolderForTheSocketsIsSaid(t *testing.T) {
	for _, name := range []string{"a,b", strings.Repeat("long", 30)} {
		temp := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(temp, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", temp)
		_, err := Open(t.Context(), filepath.Join(t.TempDir(), "a,b"))
		if err == nil || !strings.Contains(err.Error(), temp) || !strings.Contains(err.Error(), "set TMPDIR to another folder") {
			t.Errorf("with the temporary folder %q found %v", temp, err)
		}
	}
}
