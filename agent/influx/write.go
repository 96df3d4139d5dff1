package influx

import (
	"context"
	"errors"
	"fmt"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
)

// ErrRefused is, for [errors.Is], that not all points can be written, however often it is tried: a server read them and
// wants some of them never, or they have no line protocol.
var ErrRefused = errors.New("refused for good")

// Write writes points and returns when a server has taken all of them. With several URLs the first that answers counts. A
// database that is not there is made.
//
// An error that is not [ErrRefused] may pass: [Pause] says when to try again. Of points that are refused together some may
// have been kept; a server does not say reliably which.
func Write(ctx context.Context, o Output, points []Point) error {
	if len(o.URLs) == 0 {
		return fmt.Errorf("output %q has no URL", o.Name)
	}
	lines, err := Encode(nil, points)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if len(points) == 0 {
		return nil
	}
	var away awayError
	for _, url := range o.URLs {
		err := writeOne(ctx, o, url, string(lines))
		switch judge(err) {
		case fateSent:
			return nil
		case fateRefused:
			return fmt.Errorf("write %s: %w: %w", url, ErrRefused, o.explain(err))
		case fateHalve:
			if half := len(points) / 2; half > 0 {
				return errors.Join(Write(ctx, o, points[:half]), Write(ctx, o, points[half:]))
			}
			return fmt.Errorf("write %s: %w: %w", url, ErrRefused, o.explain(err))
		case fateRetry:
		}
		away = append(away, fmt.Errorf("write %s: %w", url, o.explain(err)))
	}
	return away
}

// awayError is why no server took points, or answered a query, of each of them.
type awayError []error

func (e awayError) Error() string   { return errors.Join(e...).Error() }
func (e awayError) Unwrap() []error { return e }

// Pause is how long to wait before the next try after some that failed, from 1, of which the last ended with err: longer and
// longer, up to 30 s, but never less than a server asked for, up to 5 min. jitter in [0,1) spreads those who wait.
func Pause(err error, failures int, now time.Time, jitter float64) time.Duration {
	wait := backoff(failures, jitter)
	away, _ := errors.AsType[awayError](err)
	for _, one := range away {
		wait = max(wait, retryAfter(one, now))
	}
	return wait
}

func writeOne(ctx context.Context, o Output, url, lines string) error {
	return o.once(url, func(client influxdb2.Client) error {
		_, err := endpoint{client, writer(client, o)}.put(ctx, o, lines)
		return err
	})
}
