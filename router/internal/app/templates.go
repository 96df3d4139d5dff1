package app

import (
	"fmt"
	"os"
	"path/filepath"

	"nezuban/agent/tomlfile"
	"nezuban/router/internal/page/wording"
)

// Bounds of the folder of templates.
const (
	maxTemplateBytes = 64 << 10 // one file
	maxTemplateFiles = 100
	templateExt      = ".tmpl"
)

// templates reads the folder and compiles all templates; nil when there are none.
func (l *loader) templates(c wording.Config) (*wording.Set, []wording.File) {
	if c == (wording.Config{}) {
		return nil, nil
	}
	files := l.templateFiles(c.Dir)
	set, problems := wording.Compile(c, files, l.File())
	var beside tomlfile.Problems // in the files, where they have no keys
	for _, p := range problems {
		if p.Key != "" {
			l.Add(p)
		} else {
			beside = append(beside, p)
		}
	}
	l.others = append(l.others, beside.Err())
	return set, files
}

// templateFiles reads the files of the folder.
func (l *loader) templateFiles(dir string) []wording.File {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(l.Path(dir)) // in the order of their names
	if err != nil {
		l.Wrong(dir, "a folder that can be read", "templates", "dir")
		return nil
	}
	var files []wording.File
	for _, entry := range entries {
		path := filepath.Join(l.Path(dir), entry.Name())
		if filepath.Ext(path) != templateExt {
			continue
		}
		text, err := readFile(path, maxTemplateBytes)
		if err != nil {
			l.others = append(l.others, err)
			continue
		}
		files = append(files, wording.File{Path: path, Name: entry.Name(), Text: string(text)})
	}
	if len(files) == 0 && len(l.others) == 0 || len(files) > maxTemplateFiles {
		l.Wrong(dir, fmt.Sprintf("a folder with 1 to %d files *%s", maxTemplateFiles, templateExt), "templates", "dir")
	}
	return files
}
