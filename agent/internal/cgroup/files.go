package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// file is one file of the kernel that is read, and what it says.
type file struct {
	name  string
	parse parser
}

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

// source is one file of one cgroup.
type source struct {
	path  string
	fd    int  // closed: opened for each read
	paged bool // given in pieces of a page, as /proc's lists are; the others are whole in one read
	parse parser
}

// add opens a source: false when there is no such file.
func (f *Files) add(s *source) (bool, error) {
	fd, err := openFile(s.path)
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

// remove closes a source.
func (f *Files) remove(s *source) {
	if s.fd == closed {
		return
	}
	_ = syscall.Close(s.fd) // it was only read
	s.fd = closed
	f.open--
}

// read gives a source's text, which is valid until the next read. It allocates nothing but when the room must grow.
func (f *Files) read(s *source) ([]byte, error) {
	fd := s.fd
	if fd == closed {
		var err error
		if fd, err = openFile(s.path); err != nil {
			return nil, err
		}
		defer func() { _ = syscall.Close(fd) }()
	}
	const page, longestLine = 4096, 512
	length := 0
	for {
		n, err := pread(fd, f.text[length:], int64(length))
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: s.path, Err: err}
		}
		length += n
		switch {
		case length == len(f.text): // there may be more
			if length >= longestText {
				return nil, fmt.Errorf("read %q: found more than %d bytes", s.path, longestText)
			}
			grown := make([]byte, 2*length)
			if s.paged {
				copy(grown, f.text)
			} else {
				length = 0 // begun anew: a second piece would be of another moment
			}
			f.text = grown
		case !s.paged || n < page-longestLine:
			return f.text[:length], nil
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
