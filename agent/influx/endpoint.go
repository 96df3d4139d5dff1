package influx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
)

// requestTimeout bounds one request to a server, answer included.
const requestTimeout = 10 * time.Second

// endpoint is one URL of an output.
type endpoint struct {
	client influxdb2.Client
	write  func(ctx context.Context, lines string) error
}

// put writes lines. When the server says that the database is not there it is made, and the lines sent again.
func (e endpoint) put(ctx context.Context, o Output, lines string) (made bool, err error) {
	err = e.write(ctx, lines)
	if statusOf(err) != http.StatusNotFound {
		return false, err
	}
	if missing := ensure(ctx, e.client, o); missing != nil {
		return false, errors.Join(err, missing)
	}
	return true, e.write(ctx, lines)
}

// writer posts lines to a server as its /api/v2/write takes them. The request has its length, and its body can be sent again on
// another connection when a server has closed an idle one.
func writer(client influxdb2.Client, o Output) func(ctx context.Context, lines string) error {
	query := url.Values{"bucket": {o.Bucket}, "org": {o.Org}, "precision": {"ns"}}
	address := client.HTTPService().ServerAPIURL() + "write?" + query.Encode()
	return func(ctx context.Context, lines string) error {
		var body io.Reader = strings.NewReader(lines)
		if o.Gzip {
			body = bytes.NewReader(pack(lines))
		}
		failed := client.HTTPService().DoPostRequest(
			ctx, address, body,
			func(r *http.Request) {
				if o.Gzip {
					r.Header.Set("Content-Encoding", "gzip")
				}
			},
			func(r *http.Response) error { return r.Body.Close() },
		)
		if failed != nil {
			return failed
		}
		return nil
	}
}
