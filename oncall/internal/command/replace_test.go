package command

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "oncall.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(want string) {
		t.Helper()
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("the file holds %q, %v, want %q", data, err, want)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != "oncall.toml" && e.Name() != "link.toml" {
				t.Errorf("%s is left behind", e.Name())
			}
		}
	}
	write("old")
	if err := replaceFile(path, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds("new")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v, want it kept", info.Mode(), err)
	}
	if err := replaceFile(path, []byte("old"), []byte("newer")); !errors.Is(err, errChanged) {
		t.Errorf("changed meanwhile: %v", err)
	}
	holds("new")

	link := filepath.Join(dir, "link.toml")
	if err := os.Symlink("oncall.toml", link); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("new"), []byte("by the link")); err != nil {
		t.Fatal(err)
	}
	holds("by the link")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is one no more: %v, %v", info.Mode(), err)
	}
}

// Whatever fails on the way, the file holds what it held and nothing is left beside it.
func TestReplaceFileLeavesTheOldOneWhenItFails(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "oncall.toml")
	if err := os.MkdirAll(filepath.Join(target, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeBeside(target, []byte("new")); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := replaceFile(filepath.Join(dir, "missing"), nil, nil); err == nil {
		t.Error("a missing file was written")
	}
}
