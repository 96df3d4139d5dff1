package kernel

import (
	"bytes"
	"fmt"
	"math"
)

// Unexpected says what was found where a number, or a line of another form, was expected.
func Unexpected(found []byte, expected string) error {
	const most = 80
	if len(found) > most {
		return fmt.Errorf("found %q…, expected %s", found[:most], expected)
	}
	return fmt.Errorf("found %q, expected %s", found, expected)
}

// Number reads digits alone.
func Number(text []byte) (v uint64, ok bool) {
	if len(text) == 0 {
		return 0, false
	}
	for _, c := range text {
		d := uint64(c - '0')
		if c < '0' || c > '9' || v > math.MaxUint64/10 || v*10 > math.MaxUint64-d {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

// Word cuts the first word off a line: what stands before the next run of blanks.
func Word(line []byte) (first, rest []byte) {
	for len(line) > 0 && blank(line[0]) {
		line = line[1:]
	}
	end := 0
	for end < len(line) && !blank(line[end]) {
		end++
	}
	first, rest = line[:end], line[end:]
	for len(rest) > 0 && blank(rest[0]) {
		rest = rest[1:]
	}
	return first, rest
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// Line cuts the first line off a text.
func Line(text []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(text, []byte{'\n'})
	return first, rest
}

// Decimal reads digits with a point among them or without one: "0.42".
func Decimal(text []byte) (v float64, ok bool) {
	before, after, _ := bytes.Cut(text, []byte{'.'})
	whole, ok := Number(before)
	if len(after) == 0 || !ok {
		return float64(whole), ok && len(before) == len(text)
	}
	parts, ok := Number(after)
	const most = 1 << 53 // up to which a float is exact
	scale := uint64(1)
	for range after {
		if scale *= 10; scale > most {
			return 0, false
		}
	}
	if !ok || whole > (most-parts)/scale {
		return 0, false
	}
	return float64(whole*scale+parts) / float64(scale), true
}

// Pairs reads a word and a number from each line: "user 60\n".
func Pairs(text []byte, each func(key []byte, v uint64)) error {
	for len(text) > 0 {
		var l []byte
		l, text = Line(text)
		key, rest := Word(l)
		value, more := Word(rest)
		v, ok := Number(value)
		if !ok || len(more) > 0 {
			return Unexpected(l, "a word and a number")
		}
		each(key, v)
	}
	return nil
}

// Names keeps the names of devices and interfaces, so that each is made once. The zero value is ready. It is not safe for concurrent
// use.
type Names struct{ all map[string]string }

// MostNames bounds it: when there are more they are made anew.
const MostNames = 1024

// Of is the text as a string.
func (n *Names) Of(text []byte) string {
	if name, ok := n.all[string(text)]; ok {
		return name
	}
	if n.all == nil || len(n.all) >= MostNames {
		n.all = make(map[string]string)
	}
	name := string(text)
	n.all[name] = name
	return name
}
