package app

import (
	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
)

func testDaemon() *daemon.Daemon {
	return &daemon.Daemon{Log: discard, Health: &daemon.Health{}, Metrics: metrics.NewSet()}
}
