package influx_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/influx"
)

// Points are queued at once and sent by Run, here to a server that prints them.
func ExampleWriter() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Print(string(body))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()

	w := influx.NewWriter(
		[]influx.Output{{Name: "influxdb", URLs: []string{server.URL}, Bucket: "nezuban"}},
		influx.WriterOptions{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()},
	)
	w.Write(influx.Point{
		Measurement: influx.Agent,
		Tags:        []influx.Tag{{Key: influx.TagHost, Value: "web-1"}},
		Fields:      []influx.Field{influx.String(influx.FieldState, influx.StateGoodbye)},
		Time:        time.Unix(0, 1),
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // the end has come already: Run sends what waits and returns
	_ = w.Run(ctx)
	// Output: nezuban_agent,host=web-1 state="goodbye" 1
}
