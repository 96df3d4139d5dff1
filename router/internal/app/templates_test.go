package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadTemplates loads a router.toml with templates beside it.
func loadTemplates(t *testing.T, text string, files map[string]string) (Config, error) {
	t.Helper()
	path := writeConfig(t, text, nil)
	dir := filepath.Join(filepath.Dir(path), "templates")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(path, noEnv)
}

func TestTemplates(t *testing.T) {
	cfg, err := loadTemplates(t, "[templates]\ndir = \"templates\"\n[templates.trigger]\ntext = '{{template \"a.tmpl\" .}}'\n", map[string]string{
		"a.tmpl": "{{template \"b\" .}}", "b.tmpl": "{{define \"b\"}}{{.Text}}{{end}}", "README.md": "{{",
	})
	if err != nil || cfg.Templates == nil || len(cfg.TemplateFiles) != 2 {
		t.Errorf("found %+v, %v", cfg.TemplateFiles, err)
	}
	if cfg, err := loadTemplates(t, "", nil); err != nil || cfg.Templates != nil {
		t.Errorf("without templates: found %+v, %v", cfg.Templates, err)
	}
}

// TestBadTemplatesAreRefusedAtTheStart is about run and check-config alike: both load the configuration so.
func TestBadTemplatesAreRefusedAtTheStart(t *testing.T) {
	many := map[string]string{}
	for _, a := range "abcdefghijk" {
		for _, b := range "abcdefghij" {
			many[string(a)+string(b)+".tmpl"] = "x"
		}
	}
	const dir = "[templates]\ndir = \"templates\"\n"
	for _, row := range []struct {
		name, text string
		files      map[string]string
		want       []string
	}{
		{"beside other mistakes", "listen = \"nowhere\"\n[templates.trigger]\ntitle = '{{.Sumary}}'\n", nil, []string{
			`router.toml:1: listen: found "nowhere"`, `router.toml:3: templates.trigger.title: found .Sumary`,
		}},
		{"in a file", dir + "[templates.resolve]\ntext = '{{template \"a.tmpl\" .}}'\n", map[string]string{"a.tmpl": "\n{{.Sumary}}"}, []string{
			`templates/a.tmpl:2: found .Sumary, expected one of .AckURL,`,
		}},
		{"no such kind", "[templates.open]\ntitle = 'x'\n", nil, []string{`router.toml:1: templates.open: found unknown key "open", expected one of`}},
		{"no such folder", "[templates]\ndir = \"nowhere\"\n", nil, []string{`router.toml:2: templates.dir: found "nowhere", expected a folder that can be read`}},
		{"an empty folder", dir, nil, []string{`router.toml:2: templates.dir: found "templates", expected a folder with 1 to 100 files *.tmpl`}},
		{"too many files", dir, many, []string{`router.toml:2: templates.dir: found "templates", expected a folder with 1 to 100 files *.tmpl`}},
		{"a huge file", dir, map[string]string{"a.tmpl": strings.Repeat("x", 65<<10)}, []string{`templates/a.tmpl: found 66560 bytes, expected at most 65536`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := loadTemplates(t, row.text, row.files)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("found\n%v\nwant\n%s", err, want)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != len(row.want) {
				t.Errorf("found %d problems, want %d:\n%v", n, len(row.want), err)
			}
		})
	}
}
