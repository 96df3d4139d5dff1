// Package tomlfile reads the TOML files that people write for Nezuban: the
// configuration of each daemon, the checks and the on-call rotation.
//
// It decodes strictly and names every mistake with file and line, all of them
// at once: a key nobody knows, a value of the wrong type, a value that its
// type refuses. Mistakes of meaning are the caller's to find; a [File] gives
// them the same shape and the line they stand on.
//
// All daemons call it. It never applies defaults, never reads environment
// variables, and never keeps a file open or watches it.
package tomlfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// MaxBytes is the largest text that [Decode] accepts.
const MaxBytes = 4 << 20

// File knows on which line of a TOML text each key stands. It is immutable
// and safe for concurrent use.
type File struct {
	name string
	root *node
}

// Decode decodes data strictly into the value that into points at; name is
// the file's name in messages. An error is always [Problems]: every unknown
// key, wrong type and refused value of the text, or the first syntax error,
// which hides what follows it.
//
// The File is never nil, and into holds whatever could be decoded, so that a
// caller may go on to look for mistakes of meaning; keys that the text does
// not have keep the value they had, which is how callers set defaults.
//
// Keys match a field's toml tag exactly, or, for a field without one, its name
// in any case. Decode panics if into is not a non-nil pointer.
func Decode(name string, data []byte, into any) (*File, error) {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		panic(fmt.Sprintf("tomlfile: decode into %T, want a non-nil pointer", into))
	}
	f := &File{name: name, root: newNode(0)}
	if len(data) > MaxBytes {
		return f, Problems{{File: name, Found: fmt.Sprintf("%d bytes", len(data)), Expected: fmt.Sprintf("at most %d", MaxBytes)}}
	}
	root, err := index(data)
	f.root = root
	if err != nil {
		return f, Problems{{File: name, Line: err.line, Found: err.found, Expected: err.expected}}
	}
	var tree map[string]any
	if _, err := toml.Decode(string(data), &tree); err != nil {
		return f, Problems{syntaxProblem(name, string(data), err)}
	}
	d := decoder{file: f}
	if target.Elem().Kind() == reflect.Struct {
		d.top = fields(target.Elem().Type())
	}
	d.value(target.Elem(), tree, nil)
	return f, d.problems.Err()
}

// Read reads the regular file at path, at most limit bytes of it, and decodes
// it as [Decode] does. When the file cannot be read the error says so and is
// not Problems; the File is still usable and knows no lines.
func Read(path string, limit int64, into any) (*File, error) {
	data, err := ReadRegular(path, limit)
	if err != nil {
		return &File{name: path, root: newNode(0)}, err
	}
	return Decode(path, data, into)
}

// ReadRegular reads a file. It refuses what is not a plain one (a pipe would block for ever)
// and what is longer than limit bytes.
func ReadRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, unwrapPath(err))
	}
	if !info.Mode().IsRegular() {
		return nil, &misfit{path, KindOf(info.Mode()), "a regular file"}
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, unwrapPath(err))
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, unwrapPath(err))
	}
	if int64(len(data)) > limit {
		return nil, &misfit{path, fmt.Sprintf("more than %d bytes", limit), "at most that"}
	}
	return data, nil
}

// misfit is that a file is there and is not of the kind, or the size, that is read.
type misfit struct{ path, found, expected string }

func (m *misfit) Error() string {
	return fmt.Sprintf("read %s: found %s, expected %s", m.path, m.found, m.expected)
}

// KindOf names what stands at a path where a regular file is expected.
func KindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "a thing of mode " + mode.Type().String()
	}
}

// unwrapPath takes the path out of an error that will be given it again.
func unwrapPath(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// Line is the 1-based line on which a key stands. The path alternates freely
// between keys (string) and list positions (int, from 0):
// f.Line("schedule", "api", "layers", 1, "who"). A path that the text does not
// have gives the line of its nearest enclosing key; 0 means that not even its
// first element is there.
func (f *File) Line(path ...any) int {
	at := f.root
	line := 0
	for _, step := range path {
		at = at.child(step)
		if at == nil {
			break
		}
		line = at.line
	}
	return line
}

// Has reports whether the text has a key or a list item; the path is as in
// [File.Line].
func (f *File) Has(path ...any) bool {
	at := f.root
	for _, step := range path {
		if at = at.child(step); at == nil {
			return false
		}
	}
	return true
}

// Problem is a mistake of meaning at a key. A string in found is shown in
// quotes, nil as "nothing", as is what is empty because the text does not have
// the key; anything else as fmt prints it. The path is as in [File.Line].
func (f *File) Problem(found any, expected string, path ...any) Problem {
	if empty(found) && !f.Has(path...) {
		found = nil
	}
	return Problem{File: f.name, Line: f.Line(path...), Key: keyText(path), Found: describe(found), Expected: expected}
}

// syntaxProblem is the first syntax error of a text, as the parser words it.
func syntaxProblem(name, text string, err error) Problem {
	parse, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return Problem{File: name, Found: err.Error(), Expected: "TOML"}
	}
	// The parser shows the character that it found as it is; a line break would tear the message apart.
	message := strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(parse.Message)
	line, at := parse.Position.Line, parse.Position.Start
	if 0 <= at && at < len(text) && text[at] == '\n' { // the parser counts the line break at which it stopped
		line = 1 + strings.Count(text[:at], "\n")
	}
	return Problem{File: name, Line: line, Key: parse.LastKey, Found: "a syntax error (" + message + ")", Expected: "TOML"}
}
