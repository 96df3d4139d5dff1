package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The null device stands for a terminal: both are character devices, which is what tells them from files and pipes.
func TestColoursAreForTerminals(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	for _, test := range []struct {
		name, noColor, term string
		out                 *os.File
		want                bool
	}{
		{"a terminal", "", "xterm", device, true},
		{"a terminal whose user wants none", "1", "xterm", device, false},
		{"a terminal that has none", "", "dumb", device, false},
		{"a file", "", "xterm", file, false},
		{"a pipe", "", "xterm", pipe, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", test.noColor)
			t.Setenv("TERM", test.term)
			if got := colours(test.out); got != test.want {
				t.Errorf("found %t, want %t", got, test.want)
			}
		})
	}
}
