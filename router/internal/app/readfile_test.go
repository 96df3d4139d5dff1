package app

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/oncall/schedule"
)

// What is no file of a bounded size is refused without being read: a pipe that nobody writes to would hold up the watch,
// which holds its lock meanwhile, and a device has no end.
func TestOnlyARegularFileIsRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "large"), strings.Repeat("#", schedule.MaxBytes+1))
	tests := []struct{ name, path, want string }{
		{"a pipe", pipe, "found a pipe, expected a regular file"},
		{"a device", os.DevNull, "found a device, expected a regular file"},
		{"a folder", dir, "found a folder, expected a regular file"},
		{"a byte too many", filepath.Join(dir, "large"), "found 524289 bytes, expected at most 524288"},
		{"nothing", filepath.Join(dir, "none"), "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read := make(chan error, 1)
			go func() {
				_, err := readFile(tt.path, schedule.MaxBytes)
				read <- err
			}()
			select {
			case err := <-read:
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("found %v, want %q", err, tt.want)
				}
			case <-time.After(10 * time.Second):
				t.Error("still reading")
				if w, err := os.OpenFile(pipe, os.O_RDWR, 0); err == nil {
					_ = w.Close()
				}
			}
		})
	}
}
