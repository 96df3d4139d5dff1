package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"nezuban/agent/daemon"
)

// What the file says of the spool comes to where the spool is.
func TestWriterOptions(t *testing.T) {
	o := writerOptions(&daemon.Daemon{}, Config{StateDir: "/state", SpoolBytes: 7 << 20, SpoolAge: 5 * time.Hour})
	if o.SpoolDir != "/state/spool" || o.SpoolBytes != 7<<20 || o.SpoolAge != 5*time.Hour {
		t.Errorf("found %s, %d bytes and %s, expected /state/spool, 7 MiB and 5 h", o.SpoolDir, o.SpoolBytes, o.SpoolAge)
	}
	if o := writerOptions(&daemon.Daemon{}, Config{}); o.SpoolDir != "" {
		t.Errorf("without a state_dir found %q, expected none", o.SpoolDir)
	}
}

// Of two agents in one folder the first keeps it, and another one has it afterwards.
func TestTwoAgentsInOneStateDir(t *testing.T) {
	dir := t.TempDir() + "/state"
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	first, unlock := stateOf(dir, log)
	second, nothing := stateOf(dir, log)
	nothing()
	if first != dir || second != "" || strings.Count(said.String(), "another agent uses state_dir") != 1 {
		t.Errorf("the first has %q, the second %q, and is told:\n%s", first, second, said.String())
	}
	unlock()
	third, unlock := stateOf(dir, log)
	defer unlock()
	if third != dir {
		t.Errorf("when the first has ended another one has %q", third)
	}
	if none, nothing := stateOf("", log); none != "" {
		t.Errorf("without a state_dir found %q", none)
	} else {
		nothing()
	}
}
