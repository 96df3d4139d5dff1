package cgroup

import (
	"bytes"
	"fmt"
	"math"
)

// parser puts what one file of the kernel says into a sample. The text is only its own until it returns. An error says what was
// found; what the file said before that stays in the sample.
type parser func(text []byte, s *Sample, names *names) error

// errText says what was found where a number, or a line of another form, was expected.
func errText(found []byte, expected string) error {
	const most = 80
	if len(found) > most {
		return fmt.Errorf("found %q…, expected %s", found[:most], expected)
	}
	return fmt.Errorf("found %q, expected %s", found, expected)
}

// number reads digits alone.
func number(text []byte) (v uint64, ok bool) {
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

// word cuts the first word off a line: what stands before the next run of blanks.
func word(line []byte) (first, rest []byte) {
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

// line cuts the first line off a text.
func line(text []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(text, []byte{'\n'})
	return first, rest
}

// single is the parser of a file that holds one number: "4096\n".
func single(set func(s *Sample, v uint64)) parser {
	return func(text []byte, s *Sample, _ *names) error {
		first, rest := word(text)
		v, ok := number(first)
		if !ok || len(rest) > 0 {
			return errText(text, "a number")
		}
		set(s, v)
		return nil
	}
}

// bound is the parser of a file that holds one number, or that there is none: "max\n" on v2, "-1\n" or the largest number on v1.
func bound(set func(s *Sample, v uint64)) parser {
	return func(text []byte, s *Sample, _ *names) error {
		first, rest := word(text)
		if string(first) == "max" || string(first) == "-1" {
			return nil
		}
		v, ok := number(first)
		if !ok || len(rest) > 0 {
			return errText(text, "a number or max")
		}
		if v < noLimit {
			set(s, v)
		}
		return nil
	}
}

// pairs is the parser of a file with a word and a number on each line: "user 60\n". Words that set does not know are left out:
// each release of the kernel has more.
func pairs(set func(s *Sample, key []byte, v uint64)) parser {
	return func(text []byte, s *Sample, _ *names) error {
		for len(text) > 0 {
			var l []byte
			l, text = line(text)
			key, rest := word(l)
			value, more := word(rest)
			v, ok := number(value)
			if !ok || len(more) > 0 {
				return errText(l, "a word and a number")
			}
			set(s, key, v)
		}
		return nil
	}
}

// pressure is the parser of a PSI file:
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=12
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=7
func pressure(some, full func(s *Sample) *Figure) parser {
	return func(text []byte, s *Sample, _ *names) error {
		for len(text) > 0 {
			var l []byte
			l, text = line(text)
			kind, _ := word(l)
			at := bytes.LastIndex(l, []byte("total="))
			if at < 0 {
				return errText(l, "some or full, and a total")
			}
			v, ok := number(l[at+len("total="):])
			if !ok {
				return errText(l, "a total in µs")
			}
			switch string(kind) {
			case "some":
				*some(s) = known(v)
			case "full":
				*full(s) = known(v)
			}
		}
		return nil
	}
}

// parseNetDev reads /proc/PID/net/dev: two lines of heading, then for each interface 8 figures received and 8 sent.
func parseNetDev(text []byte, s *Sample, names *names) error {
	for heading := 0; len(text) > 0; heading++ {
		var l []byte
		l, text = line(text)
		if heading < 2 {
			continue
		}
		colon := bytes.LastIndexByte(l, ':') // an alias has one in its name
		if colon < 0 {
			return errText(l, "an interface and a colon")
		}
		name, _ := word(l[:colon])
		if string(name) == "lo" {
			continue
		}
		var v [16]uint64
		rest := l[colon+1:]
		for i := range v {
			var w []byte
			w, rest = word(rest)
			var ok bool
			if v[i], ok = number(w); !ok {
				return errText(l, "16 figures behind the interface")
			}
		}
		s.Network = append(s.Network, Interface{
			Name:    names.of(name),
			RxBytes: v[0], RxPackets: v[1], RxErrors: v[2], RxDropped: v[3],
			TxBytes: v[8], TxPackets: v[9], TxErrors: v[10], TxDropped: v[11],
		})
	}
	return nil
}

// names keeps the names of devices and interfaces, so that each is made once.
type names struct{ all map[string]string }

// mostNames bounds it: a container with more has them made anew.
const mostNames = 1024

func (n *names) of(text []byte) string {
	if name, ok := n.all[string(text)]; ok {
		return name
	}
	if n.all == nil || len(n.all) >= mostNames {
		n.all = make(map[string]string)
	}
	name := string(text)
	n.all[name] = name
	return name
}
