package tomlfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/agent/tomlfile"
)

func validator(t *testing.T, text string) *tomlfile.Validator {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var into struct{ Name, Token string }
	v, err := tomlfile.NewValidator(tomlfile.Read(path, 1<<20, &into))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestValidatorSaysOneMistakeForEachKeyInOrder(t *testing.T) {
	v := validator(t, "token = \"x\"\nname = 3\nnam = 4\n")
	if v.Understood() {
		t.Error("understood in spite of mistakes that were found before")
	}
	v.Wrong("x", "something else", "token")
	v.Wrong("again", "nothing more about this key", "token")
	v.Wrong(3, "nothing more about this key either", "name")
	lines := strings.Split(v.Err().Error(), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], ":1: token") || !strings.Contains(lines[1], ":2: name") || !strings.Contains(lines[2], ":3: nam") {
		t.Errorf("found %q", lines)
	}
}

func TestValidatorHasNothingToDoWithAFileThatIsNotThere(t *testing.T) {
	var into struct{}
	v, err := tomlfile.NewValidator(tomlfile.Read(filepath.Join(t.TempDir(), "none.toml"), 1<<20, &into))
	if v != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("found %v, %v", v, err)
	}
}

func TestValidatorSecret(t *testing.T) {
	tests := []struct {
		name, content string // of the secret's file
		want, problem string
	}{
		{"one line", "s3cret\n", "s3cret", ""},
		{"empty", "\n", "", "a file that holds the secret in one line, not an empty one"},
		{"two lines", "s3cret\ns3cret\n", "", "a file that holds the secret in one line, not in several"},
		{"huge", strings.Repeat("s3cret", 20_000), "", "a file that holds the secret in one line, not more than 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := validator(t, "token = \"file\"\n")
			path := v.Path("file")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := v.Secret("file", "token"); got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			err := v.Err()
			if (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), `token: found "file", expected `+tt.problem) {
				t.Errorf("found %v, want %q", err, tt.problem)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the secret is part of the message: %v", err)
			}
		})
	}
	t.Run("no file named", func(t *testing.T) {
		v := validator(t, "")
		if v.Secret("", "token"); v.Err() == nil || !v.Understood() {
			t.Errorf("found %v, expected a mistake of meaning", v.Err())
		}
	})
	t.Run("a folder", func(t *testing.T) {
		v := validator(t, "token = \".\"\n")
		if v.Secret(".", "token"); v.Err() == nil || !strings.HasSuffix(v.Err().Error(), `token: found ".", expected a file that holds the secret in one line, not a folder`) {
			t.Errorf("found %v", v.Err())
		}
	})
	t.Run("no such file", func(t *testing.T) {
		v := validator(t, "token = \"none\"\n")
		if v.Secret("none", "token"); !strings.Contains(v.Err().Error(), "a file that exists") {
			t.Errorf("found %v", v.Err())
		}
	})
}

// Of a duration that is too long for a number it is the range of its key that is said, and what the file has.
func TestValidatorNamesTheRangeOfATooLongDuration(t *testing.T) {
	var into struct{ Every, Other tomlfile.Duration }
	file, err := tomlfile.Decode("x.toml", []byte("every = \"99999999h\"\nother = \"99999999h\"\n"), &into)
	v, err := tomlfile.NewValidator(file, err)
	if err != nil {
		t.Fatal(err)
	}
	if time.Duration(into.Every) > time.Hour {
		v.Wrong(into.Every.String(), "1s to 1h", "every")
	}
	want := "x.toml:1: every: found \"99999999h\", expected 1s to 1h\nx.toml:2: other: found \"99999999h\", expected a duration of at most 2562047h"
	if v.Err() == nil || v.Err().Error() != want {
		t.Errorf("found\n%v\nexpected\n%s", v.Err(), want)
	}
}

func TestValidatorTakesRelativePathsFromTheFilesFolder(t *testing.T) {
	v := validator(t, "")
	if got := v.Path("a/b"); !filepath.IsAbs(got) || filepath.Base(filepath.Dir(got)) != "a" {
		t.Errorf("found %s", got)
	}
	if got := v.Path("/a/b"); got != "/a/b" {
		t.Errorf("an absolute one became %s", got)
	}
	if got := v.Path(""); got != "" {
		t.Errorf("none became %s", got)
	}
}
