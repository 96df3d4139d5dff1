package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// gitTakes bounds how long git may need for one file.
const gitTakes = 30 * time.Second

// loadRevision reads a rotation file from the disk or, written FILE@REV, as it is in a revision of its git repository.
// A file that has such a name is taken as one.
func loadRevision(name string) (*schedule.File, error) {
	path, rev, ok := revision(name)
	if !ok {
		return load(name)
	}
	data, err := show(path, rev)
	if err != nil {
		return nil, fmt.Errorf("read rotation file %s: %w", name, err)
	}
	return schedule.Parse(name, data)
}

// revision splits FILE@REV at the first @ before which a file stands, or else at the first one: the file may be gone.
func revision(name string) (path, rev string, ok bool) {
	if exists(name) {
		return "", "", false
	}
	for i, r := range name {
		if r == '@' && exists(name[:i]) {
			return name[:i], name[i+1:], true
		}
	}
	return strings.Cut(name, "@")
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// show asks git for a file as of a revision: at most one byte more than a rotation file may have.
func show(path, rev string) ([]byte, error) {
	if rev == "" {
		return nil, errors.New("no revision after the @")
	}
	ctx, cancel := context.WithTimeout(context.Background(), gitTakes)
	defer cancel()
	// A revision that begins with a dash is none of git's options, and no filter of the repository is run.
	git := exec.CommandContext(ctx, "git", "show", "--no-textconv", "--end-of-options", rev+":./"+filepath.Base(path))
	git.Dir = filepath.Dir(path)
	var said bytes.Buffer
	git.Stderr = &said
	out, err := git.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := git.Start(); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(out, schedule.MaxBytes+1))
	if len(data) > schedule.MaxBytes {
		cancel() // enough has been seen to refuse it
		_ = git.Wait()
		return data, nil
	}
	if failed := git.Wait(); failed != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("git show: %w: %q", failed, first)
	}
	return data, err
}
