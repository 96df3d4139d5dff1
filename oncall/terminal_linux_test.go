package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func init() { scriptCommands["on-terminal"] = onTerminal }

// onTerminal runs a program whose output is a terminal, and which must end with this code; what it writes there is the command's
// stdout: on-terminal 1 nezuban-oncall check file.toml. It reads to the end, where testscript's own terminal loses what it has not
// read by the time that the program ends.
func onTerminal(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	ts.Check(err)
	defer screen.Close()
	ts.Check(unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetUint32(int(screen.Fd()), unix.TIOCGPTN)
	ts.Check(err)
	terminal, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	ts.Check(err)
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir, cmd.Stdout = ts.MkAbs("."), terminal
	cmd.Env = append(os.Environ(), "TERM="+ts.Getenv("TERM"), "NO_COLOR="+ts.Getenv("NO_COLOR"))
	err = cmd.Start()
	_ = terminal.Close() // the program has its own
	ts.Check(err)
	said, err := io.ReadAll(screen)
	if !errors.Is(err, syscall.EIO) { // as a terminal ends that nobody has open
		ts.Fatalf("read the terminal: %v", err)
	}
	_ = cmd.Wait() // its code tells
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	_, err = ts.Stdout().Write(said)
	ts.Check(err)
}
