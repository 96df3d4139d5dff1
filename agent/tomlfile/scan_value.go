package tomlfile

import "bytes"

// value reads a value that belongs to n.
func (s *scanner) value(n *node, depth int) bool {
	if !s.nest(depth, "levels of lists and tables") {
		return false
	}
	s.skipSpace()
	start, ok := s.pos, false
	switch s.peek() {
	case '[':
		ok = s.list(n, depth)
	case '{':
		ok = s.inline(n, depth)
	case '"', '\'':
		ok = s.text()
	default:
		ok = s.scalar()
	}
	n.place = Place{Start: start, From: start, To: start + len(bytes.TrimRight(s.data[start:s.pos], " \t"))}
	return ok
}

// list reads [value, ...], which may span lines.
func (s *scanner) list(n *node, depth int) bool {
	s.take('[')
	for s.skipBlank(); !s.take(']'); s.skipBlank() {
		if !s.value(n.item(s.line), depth+1) {
			return false
		}
		s.skipBlank()
		if !s.take(',') && s.peek() != ']' {
			return false
		}
	}
	return true
}

// inline reads {key = value, ...}, which may span lines from TOML 1.1 on.
func (s *scanner) inline(n *node, depth int) bool {
	s.take('{')
	for s.skipBlank(); !s.take('}'); s.skipBlank() {
		if !s.pair(n, depth+1) {
			return false
		}
		s.skipBlank()
		if !s.take(',') && s.peek() != '}' {
			return false
		}
	}
	return true
}

// scalar reads a number, a boolean or a time.
func (s *scanner) scalar() bool {
	n := bytes.IndexAny(s.data[s.pos:], ",]}#\r\n")
	if n < 0 {
		n = len(s.data) - s.pos
	}
	s.pos += n
	return n > 0
}

// text reads a string of any of the four kinds.
func (s *scanner) text() bool {
	q := s.data[s.pos]
	triple := []byte{q, q, q}
	if bytes.HasPrefix(s.data[s.pos:], triple) {
		return s.long(q, triple)
	}
	for s.pos++; s.more(); s.pos++ {
		switch c := s.peek(); {
		case c == '\n':
			return false
		case c == '\\' && q == '"':
			s.pos++
		case c == q:
			s.pos++
			return true
		}
	}
	s.pos = len(s.data)
	return false
}

// long reads a string of several lines; up to two more quotes than the closing
// three belong to the text.
func (s *scanner) long(q byte, triple []byte) bool {
	for s.advance(3); s.more(); s.advance(1) {
		if s.peek() == '\\' && q == '"' && s.pos+1 < len(s.data) {
			s.advance(1)
			continue
		}
		if !bytes.HasPrefix(s.data[s.pos:], triple) {
			continue
		}
		s.advance(3)
		for range 2 {
			s.take(q)
		}
		return true
	}
	return false
}
