package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
)

// Row is one row of a Flux answer: _time (time.Time), _value, _field,
// _measurement, the tags, and whatever else the query yields.
type Row map[string]any

// Query runs a Flux query and returns all its rows; the query is the place to
// bound them. With several URLs the first that answers counts; of an error [Pause]
// says when to try again. InfluxDB 1.8 answers only when its flux-enabled is set.
func Query(ctx context.Context, o Output, flux string) ([]Row, error) {
	if len(o.URLs) == 0 {
		return nil, fmt.Errorf("output %q has no URL", o.Name)
	}
	var away awayError
	for _, url := range o.URLs {
		rows, err := queryOne(ctx, o, url, flux)
		if err == nil {
			return rows, nil
		}
		away = append(away, fmt.Errorf("query %s: %w", url, err))
	}
	return nil, away
}

func queryOne(ctx context.Context, o Output, url, flux string) (rows []Row, err error) {
	err = o.once(url, func(client influxdb2.Client) error {
		rows, err = runQuery(ctx, client, o.Org, flux)
		return err
	})
	return rows, err
}

func runQuery(ctx context.Context, client influxdb2.Client, org, flux string) ([]Row, error) {
	result, err := client.QueryAPI(org).Query(ctx, flux)
	if statusOf(err) == http.StatusForbidden {
		return nil, fmt.Errorf("%w: expected a token that may read, and flux-enabled=true in the [http] section of an InfluxDB 1.8", err)
	}
	if err != nil {
		return nil, err
	}
	var rows []Row
	for result.Next() {
		rows = append(rows, result.Record().Values())
	}
	return rows, errors.Join(result.Err(), result.Close())
}
