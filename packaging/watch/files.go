package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

// templates are the configuration files of a first start.
//
//go:embed files
var templates embed.FS

// file is one configuration file that is made when it is absent.
type file struct {
	name     string // below the state folder
	template string // below files/
	mode     fs.FileMode
	data     any
}

// location is what the template of a checks process reads.
type location struct {
	settings
	Name string
	Port port
}

func files(s settings) []file {
	out := []file{
		{"router.toml", "router.toml", 0o644, s},
		{"oncall.toml", "oncall.toml", 0o644, s},
		{"contacts.toml", "contacts.toml", 0o600, s},
		{"checks.toml", "checks.toml", 0o644, s},
		{"agent.toml", "agent.toml", 0o644, s},
	}
	for _, l := range locations(s) {
		out = append(out, file{"checks-" + l.Name + ".toml", "checks-location.toml", 0o644, l})
	}
	return out
}

func locations(s settings) []location {
	return []location{
		{s, "tokyo", s.Ports.Tokyo},
		{s, "frankfurt", s.Ports.Frankfurt},
		{s, "oregon", s.Ports.Oregon},
	}
}

// writeFiles writes what is absent, and writes anew what nobody has edited
// since we wrote it (ports may have moved). It returns the names of the files
// that were edited and therefore kept.
//
// What we wrote last stands in the folder "written", to compare with.
func writeFiles(s settings) (kept []string, err error) {
	written := filepath.Join(s.State, "written")
	if err := os.MkdirAll(written, 0o700); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	for _, f := range files(s) {
		text, err := f.render()
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", f.name, err)
		}
		path, last := filepath.Join(s.State, f.name), filepath.Join(written, f.name)
		edited, err := edited(path, last)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", f.name, err)
		}
		if edited {
			kept = append(kept, path)
			continue
		}
		// The copy first: a crash in between leaves a file that counts as
		// edited and is kept, never one of the reader's overwritten.
		if err := errors.Join(replace(last, text, f.mode), replace(path, text, f.mode)); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	return kept, nil
}

// edited says whether the file at path is there and is not what we wrote last.
func edited(path, last string) (bool, error) {
	now, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	before, err := os.ReadFile(last)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return !bytes.Equal(now, before), nil
}

// replace puts text at path in one step.
func replace(path string, text []byte, mode fs.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func (f file) render() ([]byte, error) {
	t, err := template.ParseFS(templates, "files/"+f.template)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := t.Execute(&buf, f.data); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
