package host

import (
	"errors"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
)

// parseLoad reads /proc/loadavg, whose first figures are means over 1, 5 and 15 min: "5.14 4.95 2.55 8/221 770\n".
func parseLoad(text []byte) (load [3]float64, err error) {
	rest := text
	for i := range load {
		var w []byte
		w, rest = kernel.Word(rest)
		var ok bool
		if load[i], ok = kernel.Decimal(w); !ok {
			return load, kernel.Unexpected(text, "three loads")
		}
	}
	return load, nil
}

// parseUptime reads /proc/uptime, whose first figure is of seconds since boot: "1421.97 300.38\n". It gives whole seconds.
func parseUptime(text []byte) (seconds uint64, err error) {
	w, _ := kernel.Word(text)
	up, ok := kernel.Decimal(w)
	if !ok {
		return 0, kernel.Unexpected(text, "seconds since boot")
	}
	return uint64(up), nil
}

func (s *Sampler) sampleSystem(l *influx.Lines, at time.Time, cpus int) error {
	l.Begin(s.system)
	text, loadErr := s.loadavg.read(s.files)
	if loadErr == nil {
		var load [3]float64
		if load, loadErr = parseLoad(text); loadErr == nil {
			l.Float(influx.FieldLoad1, load[0])
			l.Float(influx.FieldLoad5, load[1])
			l.Float(influx.FieldLoad15, load[2])
		}
		loadErr = s.loadavg.within(loadErr)
	}
	if cpus > 0 {
		l.Int(influx.FieldNCPUs, int64(cpus))
	}
	text, upErr := s.uptime.read(s.files)
	if upErr == nil {
		var up uint64
		if up, upErr = parseUptime(text); upErr == nil {
			l.Uint(influx.FieldUptime, up)
		}
		upErr = s.uptime.within(upErr)
	}
	l.End(influx.Fixed{}, at)
	return errors.Join(loadErr, upErr)
}
