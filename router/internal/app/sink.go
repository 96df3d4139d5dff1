package app

import (
	"context"
	"errors"

	"nezuban/agent/influx"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
)

// sink is the engine as senders reach it: whom it sends away is counted.
type sink struct {
	*duty.Engine
	emergency *emergency
}

// Ingest implements [ingest.Sink].
func (s sink) Ingest(ctx context.Context, points []influx.Point) error {
	return s.counted(s.Engine.Ingest(ctx, points))
}

// Report implements [ingest.Sink].
func (s sink) Report(ctx context.Context, alerts []incident.Alert) error {
	return s.counted(s.Engine.Report(ctx, alerts))
}

func (s sink) counted(err error) error {
	if err != nil && !errors.Is(err, duty.ErrNoRotation) {
		s.emergency.refusedOne()
	}
	return err
}
