package influx

import (
	"bytes"
	"compress/gzip"
)

// Bounds of what packers keep while nothing is sent.
const (
	maxPackers = 2       // that are idle; a compressor is about 800 kB
	maxPacked  = 1 << 20 // bytes of the room for a result
)

// packers are the compressors that are idle, of all outputs of this process.
var packers = make(chan *packer, maxPackers)

// packer compresses one text after another.
type packer struct {
	gzip  *gzip.Writer
	room  bytes.Buffer
	chunk [16 << 10]byte
}

// pack is lines as gzip; the same lines always give the same bytes. The result is the caller's own: a transport may still read
// it when its request has failed. It is safe for concurrent use.
func pack(lines string) []byte {
	var p *packer
	select {
	case p = <-packers:
	default:
		p = &packer{gzip: gzip.NewWriter(nil)}
	}
	packed := p.pack(lines)
	select {
	case packers <- p:
	default: // enough are idle
	}
	return packed
}

func (p *packer) pack(lines string) []byte {
	p.room.Reset()
	p.gzip.Reset(&p.room)
	for len(lines) > 0 {
		n := copy(p.chunk[:], lines)
		_, _ = p.gzip.Write(p.chunk[:n]) // into memory, which never fails
		lines = lines[n:]
	}
	_ = p.gzip.Close()
	packed := bytes.Clone(p.room.Bytes())
	if p.room.Cap() > maxPacked {
		p.room = bytes.Buffer{}
	}
	return packed
}
