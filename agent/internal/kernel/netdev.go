package kernel

import "bytes"

// InterfaceFigures are those of one network interface, cumulative, by the constants below.
type InterfaceFigures [16]uint64

// Places in [InterfaceFigures], as /proc/net/dev has its columns. Those between are of FIFOs, frames, compression and multicast.
const (
	RxBytes   = 0
	RxPackets = 1
	RxErrors  = 2
	RxDropped = 3
	TxBytes   = 8
	TxPackets = 9
	TxErrors  = 10
	TxDropped = 11
)

// NetDev reads /proc/net/dev or /proc/PID/net/dev: two lines of heading, then for each interface 8 figures received and 8 sent.
func NetDev(text []byte, each func(name []byte, v InterfaceFigures)) error {
	var v InterfaceFigures
	for heading := 0; len(text) > 0; heading++ {
		var l []byte
		l, text = Line(text)
		if heading < 2 {
			continue
		}
		colon := bytes.LastIndexByte(l, ':') // an alias has one in its name
		if colon < 0 {
			return Unexpected(l, "an interface and a colon")
		}
		rest := l[colon+1:]
		for i := range v {
			var w []byte
			w, rest = Word(rest)
			var ok bool
			if v[i], ok = Number(w); !ok {
				return Unexpected(l, "16 figures behind the interface")
			}
		}
		name, _ := Word(l[:colon])
		each(name, v)
	}
	return nil
}
