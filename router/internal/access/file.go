package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxTokenFile bounds how much of a token file is read, in bytes.
const maxTokenFile = 4096

// ReadTokenFile is the secret in the file at path. A file that its group or others may read is refused: whoever read
// it may act. The error names the file and says what to do, and never holds the secret.
func ReadTokenFile(path string) (secret string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read token %s: not a regular file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("read token %s: mode %04o lets others read it, run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("read token %s: %w", path, err)
	}
	secret = strings.TrimSpace(string(text))
	if secret == "" || strings.ContainsAny(secret, " \t\r\n") {
		return "", fmt.Errorf("read token %s: expected one line with one token: delete the file and restart the router, which makes a new one", path)
	}
	return secret, nil
}

// EnsureTokenFile is the secret in the file at path; when there is no such file it is made first, with a new secret
// and mode 0600. Two processes that do so at once end with the same secret: the file appears whole or not at all.
func EnsureTokenFile(path string) (secret string, err error) {
	secret, err = ReadTokenFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".token-*") // made with mode 0600
	if err != nil {
		return "", fmt.Errorf("make token %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // the link below is what counts; a left-over is harmless
	_, err = tmp.WriteString(NewSecret() + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return "", fmt.Errorf("make token %s: %w", path, err)
	}
	// Link, unlike Rename, fails when somebody else was first.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make token %s: %w", path, err)
	}
	return ReadTokenFile(path)
}
