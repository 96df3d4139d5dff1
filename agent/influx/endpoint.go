package influx

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// requestTimeout bounds one request to a server, answer included.
const requestTimeout = 10 * time.Second

// endpoint is one URL of an output.
type endpoint struct {
	client influxdb2.Client
	write  func(ctx context.Context, lines string) error
}

// slowError is that a server was reached, and did not answer in time: it, or the way to it, is slow.
type slowError struct{ err error }

func (e *slowError) Error() string { return e.err.Error() }
func (e *slowError) Unwrap() error { return e.err }

func isSlow(err error) bool {
	_, ok := errors.AsType[*slowError](err)
	return ok
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
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
		if err != nil {
			return err
		}
		if o.Gzip {
			request.Header.Set("Content-Encoding", "gzip")
		}
		var reached atomic.Bool
		request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { reached.Store(true) },
		}))
		response, err := client.HTTPService().DoHTTPRequestWithResponse(request, nil)
		if reached.Load() && errors.Is(err, context.DeadlineExceeded) {
			return &slowError{err}
		}
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode >= 200 && response.StatusCode < 300 {
			return nil
		}
		return answerOf(response)
	}
}

// maxWords bounds what is read of a server's answer to a write, in bytes.
const maxWords = 64 << 10

// answerOf is an answer as an error, in the server's own words: InfluxDB 2.x and a router of ours give {"code", "message"},
// 1.8 gives {"error"}, a proxy some text.
func answerOf(r *http.Response) *influxhttp.Error {
	answer := influxhttp.NewError(nil)
	answer.StatusCode, answer.Header, answer.Code = r.StatusCode, r.Header, r.Status
	if seconds, err := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 32); err == nil {
		answer.RetryAfter = uint(seconds)
	}
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxWords)) // what came is enough
	var said struct{ Code, Message, Error string }
	if json.Unmarshal(text, &said) == nil && said.Message+said.Error != "" {
		answer.Code, answer.Message = cmp.Or(said.Code, r.Status), cmp.Or(said.Message, said.Error)
	} else {
		answer.Message = strings.TrimSpace(string(text))
	}
	return answer
}
