// Command bareloop reads files of the kernel again and again, and does nothing with what they say: what reading costs at the least.
//
// `make bench-agent` gives it the files that the agent holds open for containers. It holds them open too, and makes one pread of
// each in every round.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"nezuban/packaging/benchagent/loop"
)

func main() {
	interval := flag.Duration("interval", 10*time.Second, "time between two rounds")
	files := flag.String("files", "", "`file` with the paths, one a line; an empty line ends those of a container")
	flag.Parse()
	if err := run(*interval, *files); err != nil {
		fmt.Fprintf(os.Stderr, "bareloop: %v\n", err)
		os.Exit(1)
	}
}

func run(interval time.Duration, list string) error {
	fds, containers, err := open(list)
	if err != nil {
		return err
	}
	text := make([]byte, 8<<10)
	return loop.Run(interval, func() (int, error) {
		for _, fd := range fds {
			if err := read(fd, text); err != nil {
				return 0, err
			}
		}
		return containers, nil
	})
}

// open opens the listed files and counts the containers that they are of.
func open(list string) (fds []int, containers int, err error) {
	in, err := os.Open(list)
	if err != nil {
		return nil, 0, err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() == "" {
			containers++
			continue
		}
		fd, err := syscall.Open(lines.Text(), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return nil, 0, fmt.Errorf("open %q: %w", lines.Text(), err)
		}
		fds = append(fds, fd)
	}
	return fds, containers, lines.Err()
}

func read(fd int, into []byte) error {
	for {
		n, err := syscall.Pread(fd, into, 0)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("pread: %w", err)
		case n == len(into):
			return fmt.Errorf("pread: found %d bytes and perhaps more: %w", n, io.ErrShortBuffer)
		default:
			return nil
		}
	}
}
