package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Where lines go that a server refused for good. When the first file is full it takes the place of the second.
const (
	refusedDir     = "refused"
	refusedFile    = "refused.lp"
	refusedBefore  = "refused-before.lp"
	maxRefusedFile = 4 << 20
)

// Refuse sets lines aside that a server refused for good, in the file refused/refused.lp: a comment with the time and the server's
// words, and the lines as they are, so that the file can be written again once its cause is mended. The newest 4 MiB at least are kept,
// 8 MiB at most, unless one refusal is longer.
func (s *Spool) Refuse(words, lines string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := filepath.Join(s.dir, refusedDir)
	text := fmt.Sprintf("# %s refused %d lines: %s\n%s", now.UTC().Format(time.RFC3339Nano), strings.Count(lines, "\n"), oneLine(words), lines)
	if err := keep(dir, text); err != nil {
		return fmt.Errorf("set aside what was refused: %w", err)
	}
	return nil
}

func keep(dir, text string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, refusedFile)
	file, size, err := openRefused(path)
	if err != nil {
		return err
	}
	if size > 0 && size+int64(len(text)) > maxRefusedFile {
		file.Close()
		if err := os.Rename(path, filepath.Join(dir, refusedBefore)); err != nil {
			return err
		}
		if file, size, err = openRefused(path); err != nil {
			return err
		}
	}
	if _, err = file.WriteString(text); err != nil {
		err = errors.Join(err, file.Truncate(size)) // no half line, to which the next would stick
	}
	return errors.Join(err, file.Close())
}

func openRefused(path string) (file *os.File, size int64, err error) {
	file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// oneLine is a text without its line ends, bounded.
func oneLine(text string) string {
	const most = 2000
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
