package edit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/oncall/internal/edit"
	"nezuban/oncall/schedule"
)

// now is in the third turn of the rings of testdata, Friday of bob's week.
var now = time.Date(2026, 1, 16, 12, 0, 0, 0, time.UTC)

// apply makes the edit that a line of testdata names: a kind, then name=value pairs.
func apply(tb testing.TB, line string, data []byte) ([]byte, error) {
	tb.Helper()
	words := strings.Split(line, "|")
	arg := map[string]string{}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		arg[name] = value
	}
	span := edit.Span{From: arg["from"], To: arg["to"], Zone: arg["zone"]}
	var at time.Time
	if arg["at"] != "" {
		f, err := schedule.Parse("oncall.toml", data)
		if err != nil {
			return nil, err
		}
		local, err := time.Parse("2006-01-02 15:04", arg["at"])
		if err != nil {
			tb.Fatal(err)
		}
		at = schedule.Clock(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), f.Zone())
	}
	switch words[0] {
	case "cover":
		return edit.Cover("oncall.toml", data, now, arg["on"], arg["by"], arg["for"], span)
	case "add":
		return edit.Add("oncall.toml", data, now, arg["on"], arg["who"], span)
	case "off":
		return edit.Off("oncall.toml", data, now, arg["who"], span)
	case "swap":
		return edit.Swap("oncall.toml", data, now, arg["on"], arg["layer"], [2]string{arg["a"], arg["b"]})
	case "join":
		j := edit.Joining{Person: arg["who"], Schedule: arg["on"], Layer: arg["layer"], At: at, After: arg["after"], Zone: arg["zone"]}
		if arg["page"] != "" {
			j.Page = strings.Split(arg["page"], ",")
		}
		return edit.Join("oncall.toml", data, now, j)
	case "leave":
		return edit.Leave("oncall.toml", data, now, edit.Leaving{Person: arg["who"], Schedule: arg["on"], Layer: arg["layer"], At: at})
	}
	tb.Fatalf("no edit %q", words[0])
	return nil, nil
}

// Each archive of testdata has an edit, a file, and either what becomes of it or why it is refused.
func TestEdits(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d archives, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			archive := txtar.Parse(data)
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			command := strings.TrimSpace(string(archive.Comment))
			command = command[strings.LastIndexByte(command, '\n')+1:]
			got, err := apply(t, command, []byte(parts["before"]))
			switch {
			case parts["refused"] != "":
				if err == nil || got != nil || strings.TrimSpace(parts["refused"]) != err.Error() {
					t.Errorf("got %v, want it refused: %s", err, parts["refused"])
				}
			case err != nil:
				t.Error(err)
			case string(got) != parts["after"]:
				t.Errorf("got\n%s\nwant\n%s", got, parts["after"])
			}
			crlf(t, command, parts)
		})
	}
}

// crlf makes the same edit in a file whose lines end as on Windows.
func crlf(t *testing.T, command string, parts map[string]string) {
	if parts["after"] == "" {
		return
	}
	windows := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	got, err := apply(t, command, []byte(windows(parts["before"])))
	if err != nil || string(got) != windows(parts["after"]) {
		t.Errorf("with CRLF: %v\n%q\nwant\n%q", err, got, windows(parts["after"]))
	}
}

func TestAFileThatIsRefusedIsNotEdited(t *testing.T) {
	for _, text := range []string{"", "zone = ", "\x00", "zone = \"UTC\"\n"} {
		if out, err := apply(t, "off|who=alice|from=2026-02-01|to=2026-02-02", []byte(text)); err == nil || out != nil {
			t.Errorf("%q: %q, %v", text, out, err)
		}
	}
}
