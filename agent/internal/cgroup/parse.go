package cgroup

import (
	"bytes"

	"nezuban/agent/internal/kernel"
)

// parser puts what one file of the kernel says into a sample. The text is only its own until it returns. An error says what was
// found; what the file said before that stays in the sample.
type parser func(text []byte, s *Sample, names *kernel.Names) error

// single is the parser of a file that holds one number: "4096\n".
func single(set func(s *Sample, v uint64)) parser {
	return func(text []byte, s *Sample, _ *kernel.Names) error {
		first, rest := kernel.Word(text)
		v, ok := kernel.Number(first)
		if !ok || len(rest) > 0 {
			return kernel.Unexpected(text, "a number")
		}
		set(s, v)
		return nil
	}
}

// bound is the parser of a file that holds one number, or that there is none: "max\n" on v2, "-1\n" or the largest number on v1.
func bound(set func(s *Sample, v uint64)) parser {
	return func(text []byte, s *Sample, _ *kernel.Names) error {
		first, rest := kernel.Word(text)
		if string(first) == "max" || string(first) == "-1" {
			return nil
		}
		v, ok := kernel.Number(first)
		if !ok || len(rest) > 0 {
			return kernel.Unexpected(text, "a number or max")
		}
		if v < noLimit {
			set(s, v)
		}
		return nil
	}
}

// pairs is the parser of a file with a word and a number on each line, as [kernel.Pairs] reads it. Words that set does not know are
// left out: each release of the kernel has more.
func pairs(set func(s *Sample, key []byte, v uint64)) parser {
	return func(text []byte, s *Sample, _ *kernel.Names) error {
		return kernel.Pairs(text, func(key []byte, v uint64) { set(s, key, v) })
	}
}

// pressure is the parser of a PSI file:
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=12
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=7
func pressure(some, full func(s *Sample) *kernel.Figure) parser {
	return func(text []byte, s *Sample, _ *kernel.Names) error {
		for len(text) > 0 {
			var l []byte
			l, text = kernel.Line(text)
			kind, _ := kernel.Word(l)
			at := bytes.LastIndex(l, []byte("total="))
			if at < 0 {
				return kernel.Unexpected(l, "some or full, and a total")
			}
			v, ok := kernel.Number(l[at+len("total="):])
			if !ok {
				return kernel.Unexpected(l, "a total in µs")
			}
			switch string(kind) {
			case "some":
				*some(s) = kernel.Known(v)
			case "full":
				*full(s) = kernel.Known(v)
			}
		}
		return nil
	}
}

// parseNetDev reads /proc/PID/net/dev, but for loopback.
func parseNetDev(text []byte, s *Sample, names *kernel.Names) error {
	return kernel.NetDev(text, func(name []byte, v kernel.InterfaceFigures) {
		if string(name) == "lo" {
			return
		}
		s.Network = append(s.Network, Interface{
			Name:    names.Of(name),
			RxBytes: v[kernel.RxBytes], RxPackets: v[kernel.RxPackets], RxErrors: v[kernel.RxErrors], RxDropped: v[kernel.RxDropped],
			TxBytes: v[kernel.TxBytes], TxPackets: v[kernel.TxPackets], TxErrors: v[kernel.TxErrors], TxDropped: v[kernel.TxDropped],
		})
	})
}
