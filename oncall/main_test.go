package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"nezuban-oncall": main,
		// What a program sees that trusts the machine's tz database: shows that the scripts really mislead it.
		"machine-zone": func() {
			zone, err := time.LoadLocation(os.Args[1])
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).In(zone).Format("15:04 MST"))
		},
	})
}

// scriptCommands are those that scripts have beside testscript's.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){"exit-code": exitCode}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: wrongZones,
		Cmds:  scriptCommands,
	})
}

// exitCode runs a program that must end with this code: exit-code 2 nezuban-oncall who.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// wrongZones makes a tz database in which Berlin has the clock of UTC (RFC 8536: one local time type, no changes).
func wrongZones(env *testscript.Env) error {
	file := "TZif" + "\x00" + string(make([]byte, 15)) + // magic, version, reserved
		string(make([]byte, 16)) + "\x00\x00\x00\x01" + "\x00\x00\x00\x04" + // counts: one type, four characters
		"\x00\x00\x00\x00\x00\x00" + "UTC\x00"
	path := filepath.Join(env.WorkDir, "wrong", "Europe", "Berlin")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(file), 0o644)
}
