package influx

import (
	"context"
	"io"
	"net/http"
	"testing"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
)

// BenchmarkGzip sends a round of 200 containers to a server that takes it at once: by our writer, whose compressor is used again,
// and by the client's own, which makes one for each request.
func BenchmarkGzip(b *testing.B) {
	encoded, err := Encode(nil, benchmarkPoints())
	if err != nil {
		b.Fatal(err)
	}
	lines := string(encoded)
	options := influxdb2.DefaultOptions().SetUseGZip(true)
	options.SetHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: r}, err
	})})
	client := influxdb2.NewClientWithOptions("http://db.example", "", options)
	theirs := client.WriteAPIBlocking("", "db")
	for _, row := range []struct {
		name string
		send func(context.Context, string) error
	}{
		{"ours", writer(client, Output{Bucket: "db", Gzip: true})},
		{"client", func(ctx context.Context, lines string) error { return theirs.WriteRecord(ctx, lines) }},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(lines)))
			for b.Loop() {
				if err := row.send(b.Context(), lines); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
