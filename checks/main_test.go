package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nezuban-checks": main})
}

// TestCommand runs the scripts in testdata/script against the real command.
func TestCommand(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", os.Getenv("PATH"))
			return nil
		},
	})
}

// await waits until a file has a text: await TEXT FILE.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(ts.MkAbs(args[1])) // it may not be there yet
		if strings.Contains(string(text), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no %q in %s:\n%s", args[0], args[1], text)
		}
	}
}
