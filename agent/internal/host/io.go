package host

import (
	"bytes"
	"errors"
	"io/fs"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// blockFigures are those of one block device, cumulative but for requests in progress, as /proc/diskstats has its columns.
type blockFigures [11]uint64

// Places in blockFigures. Times are in ms, sectors are of 512 bytes on every device.
const (
	reads = iota
	mergedReads
	sectorsRead
	readTime
	writes
	mergedWrites
	sectorsWritten
	writeTime
	inProgress
	ioTime
	weightedIOTime
)

const sectorBytes = 512

// parseDiskstats reads /proc/diskstats (the kernel's admin-guide/iostats): numbers of the device, its name, then its figures, of which
// newer kernels have more.
//
//	254       0 vda 75575 10606 2860930 35173 91306 88146 12128800 65512 0 21428 103790 13646 47 3160768 2134 17334 969
func parseDiskstats(text []byte, each func(name []byte, v blockFigures)) error {
	for len(text) > 0 {
		var l []byte
		l, text = kernel.Line(text)
		_, rest := kernel.Word(l)
		_, rest = kernel.Word(rest)
		name, rest := kernel.Word(rest)
		var v blockFigures
		for i := range v {
			var w []byte
			w, rest = kernel.Word(rest)
			var ok bool
			if v[i], ok = kernel.Number(w); !ok {
				return kernel.Unexpected(l, "11 figures behind the device")
			}
		}
		each(name, v)
	}
	return nil
}

// isVirtual says whether a block device has no medium of its own.
func isVirtual(name []byte) bool {
	return bytes.HasPrefix(name, []byte("loop")) || bytes.HasPrefix(name, []byte("ram"))
}

func (s *Sampler) sampleDiskIO(l *influx.Lines, at time.Time) error {
	text, err := s.diskstats.read(s.files)
	if errors.Is(err, fs.ErrNotExist) { // of a kernel that does not count it
		return nil
	}
	if err != nil {
		return err
	}
	return s.diskstats.within(parseDiskstats(text, func(name []byte, v blockFigures) {
		if isVirtual(name) {
			return
		}
		l.Begin(s.block.of(name))
		l.Uint(influx.FieldReads, v[reads])
		l.Uint(influx.FieldWrites, v[writes])
		l.Uint(influx.FieldMergedReads, v[mergedReads])
		l.Uint(influx.FieldMergedWrites, v[mergedWrites])
		l.Uint(influx.FieldReadBytes, v[sectorsRead]*sectorBytes)
		l.Uint(influx.FieldWriteBytes, v[sectorsWritten]*sectorBytes)
		l.Uint(influx.FieldReadTime, v[readTime])
		l.Uint(influx.FieldWriteTime, v[writeTime])
		l.Uint(influx.FieldIOTime, v[ioTime])
		l.Uint(influx.FieldWeightedIOTime, v[weightedIOTime])
		l.Uint(influx.FieldIopsInProgress, v[inProgress])
		l.End(influx.Fixed{}, at)
	}))
}

// isContainerLink says whether an interface is loopback or one end of a
// container's: those come and go with containers, which have their own figures.
func isContainerLink(name []byte) bool {
	return string(name) == "lo" || bytes.HasPrefix(name, []byte("veth"))
}

func (s *Sampler) sampleNetwork(l *influx.Lines, at time.Time) error {
	text, err := s.netdev.read(s.files)
	if err != nil {
		return err
	}
	return s.netdev.within(kernel.NetDev(text, func(name []byte, v kernel.InterfaceFigures) {
		if isContainerLink(name) {
			return
		}
		l.Begin(s.interfaces.of(name))
		l.Uint(influx.FieldBytesSent, v[kernel.TxBytes])
		l.Uint(influx.FieldBytesRecv, v[kernel.RxBytes])
		l.Uint(influx.FieldPacketsSent, v[kernel.TxPackets])
		l.Uint(influx.FieldPacketsRecv, v[kernel.RxPackets])
		l.Uint(influx.FieldErrIn, v[kernel.RxErrors])
		l.Uint(influx.FieldErrOut, v[kernel.TxErrors])
		l.Uint(influx.FieldDropIn, v[kernel.RxDropped])
		l.Uint(influx.FieldDropOut, v[kernel.TxDropped])
		l.End(influx.Fixed{}, at)
	}))
}
