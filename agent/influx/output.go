package influx

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"nezuban/agent/transport"
)

// Output is a server that takes line protocol by InfluxDB's /api/v2/write: an
// InfluxDB 1.8 or 2.x, or a router of ours.
type Output struct {
	Name      string            // in logs and metrics
	URLs      []string          // base URLs of the same service; the next is tried when one fails
	Token     string            // a secret. InfluxDB 1.8: "user:password", or empty without authentication
	Username  string            // instead of a token, for InfluxDB 1.8; empty: none
	Password  string            // of Username, a secret
	Org       string            // InfluxDB 1.8: empty
	Bucket    string            // InfluxDB 1.8: "database" or "database/retention policy"
	Gzip      bool              // compress what is sent
	Transport transport.Options // how the URLs are reached
	Filter    Filter            // what a Writer gives it; Write heeds none
}

// String is the output without its secrets.
func (o Output) String() string {
	return fmt.Sprintf("{%s %s %s %s}", o.Name, strings.Join(o.URLs, " "), o.Bucket, o.Transport)
}

// GoString is String, for %#v.
func (o Output) GoString() string { return o.String() }

// LogValue is the output without its secrets.
func (o Output) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", o.Name), slog.String("urls", strings.Join(o.URLs, " ")), slog.String("bucket", o.Bucket))
}

// authorization is the header of that name, "" for none. A user and a password go as Basic: the Token of InfluxDB 1.8 has no room
// for a blank.
func (o Output) authorization() string {
	switch {
	case o.Username != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(o.Username+":"+o.Password))
	case o.Token != "":
		return "Token " + o.Token
	default:
		return ""
	}
}

// client makes a client for one of the URLs, over a transport of the output; it connects only when it is used.
func (o Output) client(url string, over http.RoundTripper) influxdb2.Client {
	options := influxdb2.DefaultOptions().SetApplicationName("nezuban")
	options.HTTPOptions().SetHTTPClient(&http.Client{
		Timeout: requestTimeout, Transport: unpacking{over},
		// A redirect that makes a GET of a write would be answered 200, and what was written be lost.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	client := influxdb2.NewClientWithOptions(url, "", options)
	client.HTTPService().SetAuthorization(o.authorization())
	return client
}

// unpacking leaves it to net/http to unpack answers: the client, which asks for packed ones itself, never closes what it unpacks.
type unpacking struct{ over http.RoundTripper }

func (u unpacking) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Accept-Encoding") != "" {
		r = r.Clone(r.Context())
		r.Header.Del("Accept-Encoding")
	}
	return u.over.RoundTrip(r)
}

// once lets use work with a client for one of the URLs, which is gone afterwards.
func (o Output) once(url string, use func(influxdb2.Client) error) error {
	over := transport.New(o.Transport, slog.New(slog.DiscardHandler)) // what is wrong with its files is an error of use
	defer over.CloseIdleConnections()
	client := o.client(url, over)
	defer client.Close()
	return use(client)
}
