package app

import (
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
