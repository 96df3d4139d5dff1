package tomlfile

import (
	"bytes"
	"fmt"

	"github.com/BurntSushi/toml"
)

// maxDepth bounds how deep values nest and how many parts a key has, so that
// no text can exhaust the stack of the parser, which recurses.
const maxDepth = 32

// tooDeep is the one thing the scanner refuses by itself.
type tooDeep struct {
	line            int
	found, expected string
}

// index finds the line of every key of a TOML text. It runs before the parser
// and judges only depth: at the first thing that cannot be TOML it stops and
// keeps what it has, and the parser will say what is wrong there.
func index(data []byte) (*node, *tooDeep) {
	s := scanner{data: data, line: 1}
	root := newNode(0)
	current := root
	for s.skipBlank(); s.more(); s.skipBlank() {
		var ok bool
		if s.peek() == '[' {
			current, ok = s.header(root)
		} else {
			ok = s.pair(current, 1)
		}
		if !ok {
			break
		}
	}
	return root, s.deep
}

// scanner walks a TOML text byte by byte. Its methods report false at
// something that cannot be TOML, which ends the scan.
type scanner struct {
	data []byte
	pos  int
	line int // of pos, from 1
	deep *tooDeep
}

func (s *scanner) more() bool { return s.pos < len(s.data) }

// peek is the byte at hand, 0 at the end.
func (s *scanner) peek() byte {
	if !s.more() {
		return 0
	}
	return s.data[s.pos]
}

// take steps over c if it is at hand.
func (s *scanner) take(c byte) bool {
	if !s.more() || s.data[s.pos] != c {
		return false
	}
	s.advance(1)
	return true
}

// advance steps over n bytes and counts the line ends among them.
func (s *scanner) advance(n int) {
	s.line += bytes.Count(s.data[s.pos:s.pos+n], []byte{'\n'})
	s.pos += n
}

// skipSpace skips blanks on the same line.
func (s *scanner) skipSpace() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.pos++
	}
}

// skipBlank skips blanks, line ends and comments, and a byte order mark.
func (s *scanner) skipBlank() {
	if s.pos == 0 && bytes.HasPrefix(s.data, []byte("\uFEFF")) {
		s.pos = len("\uFEFF")
	}
	for s.more() {
		switch s.peek() {
		case ' ', '\t', '\r', '\n':
			s.advance(1)
		case '#':
			s.skipComment()
		default:
			return
		}
	}
}

func (s *scanner) skipComment() {
	if end := bytes.IndexByte(s.data[s.pos:], '\n'); end >= 0 {
		s.advance(end)
		return
	}
	s.pos = len(s.data)
}

// nest reports whether depth is still allowed, and remembers when not.
func (s *scanner) nest(depth int, what string) bool {
	if depth <= maxDepth {
		return true
	}
	s.deep = &tooDeep{line: s.line, found: fmt.Sprintf("more than %d %s", maxDepth, what), expected: "fewer"}
	return false
}

// header reads [a.b] or [[a.b]] and gives the table that follows it.
func (s *scanner) header(root *node) (*node, bool) {
	line, start := s.line, s.pos
	s.take('[')
	list := s.take('[')
	path, ok := s.dotted()
	if !ok || !s.take(']') || (list && !s.take(']')) {
		return nil, false
	}
	var n *node
	if list {
		last := len(path) - 1
		n = root.table(path[:last], line).key(path[last], line).item(line)
	} else {
		n = root.table(path, line)
		n.line = line
	}
	n.place = Place{Start: start, From: start, To: s.pos, Header: true}
	return n, true
}

// pair reads key = value into a table.
func (s *scanner) pair(table *node, depth int) bool {
	line, start := s.line, s.pos
	path, ok := s.dotted()
	if !ok || !s.take('=') {
		return false
	}
	n := table.table(path, line)
	if !s.value(n, depth) {
		return false
	}
	n.place.Start = start
	return true
}

// dotted reads a key of one or more parts, and the blanks around them.
func (s *scanner) dotted() ([]string, bool) {
	var path []string
	for {
		s.skipSpace()
		part, ok := s.keyPart()
		if !ok || !s.nest(len(path)+1, "parts in a key") {
			return nil, false
		}
		path = append(path, part)
		s.skipSpace()
		if !s.take('.') {
			return path, true
		}
	}
}

// keyPart reads a bare or quoted part of a key.
func (s *scanner) keyPart() (string, bool) {
	start := s.pos
	if c := s.peek(); c == '"' || c == '\'' {
		if !s.text() {
			return "", false
		}
		return unquote(s.data[start:s.pos])
	}
	for s.more() && isBare(rune(s.peek())) {
		s.pos++
	}
	return string(s.data[start:s.pos]), s.pos > start
}

// isBare reports whether a key may have r without quotes.
func isBare(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// unquote leaves the escapes of a quoted key to the parser.
func unquote(quoted []byte) (string, bool) {
	var v struct{ Key string }
	_, err := toml.Decode("Key = "+string(quoted), &v)
	return v.Key, err == nil
}
