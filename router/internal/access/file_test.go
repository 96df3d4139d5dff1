package access_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nezuban/router/internal/access"
)

func TestEnsureTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "act.token")
	var mu sync.Mutex
	secrets := map[string]bool{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			secret, err := access.EnsureTokenFile(path)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			secrets[secret] = true
		})
	}
	wg.Wait()
	if len(secrets) != 1 {
		t.Errorf("20 at once made %d secrets, want one", len(secrets))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".token-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadTokenFileRefuses(t *testing.T) {
	for _, row := range []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"readable by group", "secret\n", 0o640, "chmod 600"},
		{"readable by all", "secret\n", 0o604, "chmod 600"},
		{"empty", "\n", 0o600, "expected one line with one token: delete the file and restart the router, which makes a new one"},
		{"two words", "secret other\n", 0o600, "expected one line with one token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(path, []byte(row.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, row.mode); err != nil {
				t.Fatal(err)
			}
			_, err := access.ReadTokenFile(path)
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want the path and %q", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error gives the secret away: %v", err)
			}
		})
	}
	if _, err := access.ReadTokenFile(t.TempDir()); err == nil {
		t.Error("a directory was read as a token")
	}
}

func TestHashText(t *testing.T) {
	want := access.HashOf("secret")
	text, err := want.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got access.Hash
	if err := got.UnmarshalText(text); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "zz", string(text[2:]), string(text) + "00"} {
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken as a hash", bad)
		}
	}
}
