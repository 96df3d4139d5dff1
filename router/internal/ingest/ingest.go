// Package ingest takes in what others send over HTTP: one file per wire format, each an [http.Handler] that reads
// a body within limits, turns it into points or alerts, hands them to a [Sink] and answers in the words of the format.
//
// The router's app mounts the handlers and is the Sink. Nothing here decides whether anything is wrong, keeps state,
// or answers success before the Sink has.
package ingest

import (
	"context"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
)

// Sink takes what came in. Both methods return nil only when everything that the input changed is durable; after any
// error the sender is asked to send the same again. They are called concurrently.
type Sink interface {
	Ingest(ctx context.Context, points []influx.Point) error
	Report(ctx context.Context, alerts []incident.Alert) error
}

// Limits bound one request's body, in bytes; 0 means the handler's default.
type Limits struct {
	Compressed int64 // as sent
	Plain      int64 // after decompression
}

func (l Limits) or(compressed, plain int64) Limits {
	if l.Compressed <= 0 {
		l.Compressed = compressed
	}
	if l.Plain <= 0 {
		l.Plain = plain
	}
	return l
}

// Options are what every handler needs. All but Limits must be set.
type Options struct {
	Sink    Sink
	Limits  Limits
	Now     func() time.Time
	Metrics *metrics.Set
	Log     *slog.Logger
}

// retryAfter is how long a sender is asked to wait when the Sink failed, in seconds: the Retry-After header's unit.
const retryAfter = "5"

const mib = 1 << 20
