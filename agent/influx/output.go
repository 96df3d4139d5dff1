package influx

import (
	"log/slog"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
)

// Output is a server that takes line protocol by InfluxDB's /api/v2/write: an
// InfluxDB 1.8 or 2.x, or a router of ours.
type Output struct {
	Name   string   // in logs and metrics
	URLs   []string // base URLs of the same service; the next is tried when one fails
	Token  string   // InfluxDB 1.8: "user:password", or empty without authentication
	Org    string   // InfluxDB 1.8: empty
	Bucket string   // InfluxDB 1.8: "database" or "database/retention policy"
	Gzip   bool     // compress what is sent
}

// LogValue is the output without its token.
func (o Output) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", o.Name), slog.String("urls", strings.Join(o.URLs, " ")), slog.String("bucket", o.Bucket))
}

// client makes a client for one of the URLs; it connects only when it is used.
// The caller closes it.
func (o Output) client(url string) influxdb2.Client {
	options := influxdb2.DefaultOptions().
		SetApplicationName("nezuban").
		SetHTTPRequestTimeout(uint(requestTimeout / time.Second))
	return influxdb2.NewClientWithOptions(url, o.Token, options)
}
