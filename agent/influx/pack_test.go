package influx

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
)

func TestPackReadsBack(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"a line":               "m i=1i 1\n",
		"more than one chunk":  strings.Repeat("docker_container_mem,host=a usage=1i 1\n", 10_000),
		"more than is kept of": incompressible(2 * maxPacked),
	} {
		for try := range 3 { // the second and third by a compressor that was used before
			packed := pack(text)
			unpacked, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(unpacked)
			if err != nil || string(got) != text {
				t.Errorf("%s, try %d: found %d bytes and %v, expected the %d that were packed", name, try, len(got), err, len(text))
			}
			if !bytes.Equal(packed, pack(text)) {
				t.Errorf("%s, try %d: the same text became other bytes", name, try)
			}
		}
	}
}

// incompressible is n letters without a pattern that gzip finds: it stays nearly as long.
func incompressible(n int) string {
	text, state := make([]byte, n), uint64(1)
	for i := range text {
		state = state*6364136223846793005 + 1442695040888963407
		text[i] = byte(state >> 56)
	}
	return string(text)
}

// However many pack at once, what they got stays their own, and few compressors stay behind.
func TestPackersAreBounded(t *testing.T) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			text := strings.Repeat(string(rune('a'+i)), 100_000)
			first := pack(text)
			for range 10 {
				pack(strings.Repeat("x", 100_000))
			}
			unpacked, err := gzip.NewReader(bytes.NewReader(first))
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := io.ReadAll(unpacked); err != nil || string(got) != text {
				t.Errorf("found other lines than were packed: %v", err)
			}
		})
	}
	all.Wait()
	if idle := len(packers); idle == 0 || idle > maxPackers {
		t.Errorf("found %d compressors idle, expected 1 to %d", idle, maxPackers)
	}
	p := &packer{gzip: gzip.NewWriter(nil)}
	p.pack(incompressible(2 * maxPacked))
	if p.room.Cap() > maxPacked {
		t.Errorf("found %d bytes kept, expected at most %d", p.room.Cap(), maxPacked)
	}
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request says how long it is, and its body can be read again from the start: net/http does so when a server has closed an idle
// connection. The next try of ours sends the same bytes, too.
func TestARequestCanBeSentAgain(t *testing.T) {
	lines := strings.Repeat("m,host=a i=1i 1\n", 1000)
	for _, zipped := range []bool{false, true} {
		var bodies [][]byte
		options := influxdb2.DefaultOptions()
		options.SetHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.ContentLength != int64(len(body)) || r.GetBody == nil {
				t.Errorf("gzip %v: found length %d for %d bytes, a body that can be had again: %v", zipped, r.ContentLength, len(body), r.GetBody != nil)
			}
			again, err := r.GetBody()
			if err != nil {
				t.Error(err)
			}
			second, err := io.ReadAll(again)
			if err != nil || !bytes.Equal(body, second) {
				t.Errorf("gzip %v: the body is another one when it is had again: %v", zipped, err)
			}
			if got := r.Header.Get("Content-Encoding"); (got == "gzip") != zipped {
				t.Errorf("found encoding %q with gzip %v", got, zipped)
			}
			bodies = append(bodies, body)
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})})
		client := influxdb2.NewClientWithOptions("http://db.example/below", "", options)
		send := writer(client, Output{Bucket: "db", Gzip: zipped})
		for range 2 {
			if err := send(t.Context(), lines); statusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("found %v", err)
			}
		}
		if len(bodies) != 2 || !bytes.Equal(bodies[0], bodies[1]) {
			t.Errorf("gzip %v: found other bytes in the second request", zipped)
		}
		if zipped && len(bodies[0]) > len(lines)/10 {
			t.Errorf("found %d bytes of %d, expected them compressed", len(bodies[0]), len(lines))
		}
		client.Close()
	}
}
