// Package kernel reads the text files in which the kernel gives figures, again and again, and cuts their text into words and numbers
// without an allocation.
//
// Packages cgroup and host read all their figures through it. It knows nothing of what a file means, and never says zero where the
// kernel says nothing.
package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// Files is what readers share: the descriptors that they may hold together, and the room for one file's text. It is not safe for
// concurrent use, and neither are its readers: one goroutine reads all.
type Files struct {
	most, open int
	text       []byte
}

// NewFiles makes room for so many open files. What is opened beyond is opened for each read, and closed again.
func NewFiles(most int) *Files { return &Files{most: most, text: make([]byte, 8<<10)} }

// Open is how many files are held open.
func (f *Files) Open() int { return f.open }

// Most is how many may be.
func (f *Files) Most() int { return f.most }

// longestText bounds one file of the kernel, in bytes.
const longestText = 1 << 20

// closed is the descriptor of a source that is not held open.
const closed = -1

// Source is one file.
type Source struct {
	Path string
	Form Form
	fd   int // closed: opened for each read
}

// Form is how the kernel gives a file.
type Form uint8

// Forms.
const (
	Whole  Form = iota // in one read
	Paged              // in pieces of at most a page, of lines of at most longestLine: many of /proc's lists
	Pieces             // in pieces, of lines of any length
)

// longestLine bounds a line of a file that is [Paged], in bytes.
const longestLine = 512

// Add opens a source: false when there is no such file.
func (f *Files) Add(s *Source) (bool, error) {
	fd, err := openFile(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if f.open >= f.most {
		s.fd = closed
		return true, syscall.Close(fd)
	}
	s.fd = fd
	f.open++
	return true, nil
}

// Remove closes a source that was added. Once more changes nothing.
func (f *Files) Remove(s *Source) {
	if s.fd == closed {
		return
	}
	_ = syscall.Close(s.fd) // it was only read
	s.fd = closed
	f.open--
}

// Read gives the text of a source that was added; it is valid until the next read. It allocates nothing but when the room must grow.
func (f *Files) Read(s *Source) ([]byte, error) {
	fd := s.fd
	if fd == closed {
		var err error
		if fd, err = openFile(s.Path); err != nil {
			return nil, err
		}
		defer func() { _ = syscall.Close(fd) }()
	}
	const page = 4096
	length := 0
	for {
		n, err := pread(fd, f.text[length:], int64(length))
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: s.Path, Err: err}
		}
		length += n
		switch {
		case length == len(f.text): // there may be more
			if length >= longestText {
				return nil, fmt.Errorf("read %q: found more than %d bytes", s.Path, longestText)
			}
			grown := make([]byte, 2*length)
			if s.Form == Whole {
				length = 0 // begun anew: a second piece would be of another moment
			} else {
				copy(grown, f.text)
			}
			f.text = grown
		case s.Form == Whole, n == 0, s.Form == Paged && n < page-longestLine:
			return f.text[:length], nil
		}
	}
}

// Changed says whether mounts have come or gone since the last call, or since the source was added, of a source that is a list of them
// (proc_pid_mountinfo(5)): the kernel tells that without writing the list. Of a source that is not held open it is always true.
func (f *Files) Changed(s *Source) bool {
	if s.fd == closed {
		return true
	}
	fds := [...]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLPRI}}
	for {
		n, err := unix.Poll(fds[:], 0)
		if !errors.Is(err, syscall.EINTR) {
			return n > 0 || err != nil
		}
	}
}

func openFile(path string) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return fd, nil
		case !errors.Is(err, syscall.EINTR):
			return closed, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func pread(fd int, into []byte, at int64) (int, error) {
	for {
		n, err := syscall.Pread(fd, into, at)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
