package tomlfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// maxSecretBytes is the longest secret that a file may hold.
const maxSecretBytes = 64 << 10

const expectedSecret = "a file that holds the secret in one line"

// Validator gathers the mistakes of meaning of one file behind those that
// [Decode] found: one for each key is enough. It is used by one goroutine.
type Validator struct {
	file     *File
	problems Problems
	said     map[string]bool // keys that have their problem already

	understood bool // nothing was wrong before it came here
}

// NewValidator goes on where [Read] or [Decode] came to; err is theirs. An error
// that is not Problems means that there is nothing to validate, and comes back.
func NewValidator(file *File, err error) (*Validator, error) {
	v := &Validator{file: file, said: map[string]bool{}}
	if err != nil && !errors.As(err, &v.problems) {
		return nil, err
	}
	for _, p := range v.problems {
		v.said[p.Key] = true
	}
	v.understood = len(v.problems) == 0
	return v, nil
}

// File is the file that is validated.
func (v *Validator) File() *File { return v.file }

// Wrong notes a mistake at a key; found and path are those of [File.Problem].
func (v *Validator) Wrong(found any, expected string, path ...any) {
	v.Add(v.file.Problem(found, expected, path...))
}

// Add notes mistakes that somebody else found in this file. One at a key whose duration [Decode] found too long says what is allowed there.
func (v *Validator) Add(problems ...Problem) {
	for _, p := range problems {
		if i := slices.IndexFunc(v.problems, func(said Problem) bool { return said.Key == p.Key && said.Expected == expectedShorter }); i >= 0 {
			v.problems[i].Expected = p.Expected
		}
		if !v.said[p.Key] {
			v.said[p.Key] = true
			v.problems = append(v.problems, p)
		}
	}
}

// Said reports whether a mistake was noted at a key, which then holds less than its file does.
func (v *Validator) Said(path ...any) bool { return v.said[keyText(path)] }

// Understood reports whether [Decode] found no mistake. A key that is missing from
// a file with such may only not have been understood.
func (v *Validator) Understood() bool { return v.understood }

// Err is all mistakes as [Problems], or nil.
func (v *Validator) Err() error { return v.problems.Err() }

// Path is where a path that the file names leads: a relative one begins in the
// file's own folder.
func (v *Validator) Path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(v.file.name), name)
}

// Secret reads the secret, one line, in the file that a key names. The mistakes
// that it notes never repeat what is in the file.
func (v *Validator) Secret(name string, path ...any) string {
	if name == "" {
		v.Wrong(name, "a file that holds the secret", path...)
		return ""
	}
	data, err := ReadRegular(v.Path(name), maxSecretBytes)
	secret := strings.TrimSpace(string(data))
	unfit, misfits := errors.AsType[*misfit](err)
	switch {
	case misfits:
		v.Wrong(name, expectedSecret+", not "+unfit.found, path...)
	case errors.Is(err, fs.ErrNotExist):
		v.Wrong(name, "a file that exists", path...)
	case errors.Is(err, fs.ErrPermission):
		v.Wrong(name, "a file that may be read", path...)
	case err != nil:
		v.Wrong(name, expectedSecret+": "+err.Error(), path...)
	case secret == "":
		v.Wrong(name, expectedSecret+", not an empty one", path...)
	case strings.ContainsAny(secret, "\r\n"):
		v.Wrong(name, expectedSecret+", not in several", path...)
		return ""
	}
	return secret
}

// SecretFrom is the secret of the environment variable key, unless the file
// names another place.
func (v *Validator) SecretFrom(env func(key string) (string, bool), key, name string, path ...any) string {
	if name != "" {
		return v.Secret(name, path...)
	}
	secret, _ := env(key)
	return secret
}
