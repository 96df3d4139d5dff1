package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

func TestWrite(t *testing.T) {
	answer := func(status int, headers ...string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, _ string) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
		}
	}
	atMost := func(lines int) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, body string) {
			if lineCount(body) > lines {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
		}
	}
	noValue := Point{Measurement: "m", Fields: []Field{{Key: "f"}}}
	three := []Point{sample(0), sample(1), sample(2)}
	for _, row := range []struct {
		name    string
		answer  func(http.ResponseWriter, string)
		points  []Point
		refused bool
		says    string        // "": it is written
		pause   time.Duration // before a second try, without jitter
		tries   int
	}{
		{"taken", nil, three, false, "", 0, 1},
		{"nothing to write", nil, nil, false, "", 0, 0},
		{"refused", answer(http.StatusBadRequest), three, true, "answered 400", minBackoff / 2, 1},
		{"unprocessable", answer(http.StatusUnprocessableEntity), three, true, "answered 422", minBackoff / 2, 1},
		{"no line protocol", nil, []Point{sample(0), noValue}, true, `field "f": found no value`, minBackoff / 2, 0},
		{"wrong token", answer(http.StatusUnauthorized), three, false, "token refused", minBackoff / 2, 1},
		{"busy", answer(http.StatusServiceUnavailable, "Retry-After", "7"), three, false, "answered 503", 7 * time.Second, 1},
		{"busy for ever", answer(http.StatusTooManyRequests, "Retry-After", "86400"), three, false, "answered 429", maxRetryAfter, 1},
		{"too large together", atMost(1), three, false, "", 0, 5},
		{"too large", atMost(0), three[:1], true, "answered 413", minBackoff / 2, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := newFakeServer(t, row.answer)
			nobody := "http://" + testenv.FreeAddress(t) // is no answer: the next URL is asked
			err := Write(t.Context(), Output{URLs: []string{nobody, server.URL}, Bucket: "b", Token: "s3cret"}, row.points)
			if (err == nil) != (row.says == "") || err != nil && (!strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("found %v, expected %q in it", err, row.says)
			}
			if errors.Is(err, ErrRefused) != row.refused {
				t.Errorf("found %v, expected refused for good: %v", err, row.refused)
			}
			if err != nil && Pause(err, 1, time.Now(), 0) != row.pause {
				t.Errorf("found a pause of %s, expected %s", Pause(err, 1, time.Now(), 0), row.pause)
			}
			if got := len(server.tries()); got != row.tries {
				t.Errorf("found %d requests, expected %d", got, row.tries)
			}
			if got := len(server.accepted()); err == nil && got != len(row.points) {
				t.Errorf("found %d lines taken, expected %d", got, len(row.points))
			}
		})
	}
}

func TestWriteSaysWhoDidNotAnswer(t *testing.T) {
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusBadGateway) })
	nobody := "http://" + testenv.FreeAddress(t)
	err := Write(t.Context(), Output{URLs: []string{nobody, server.URL}}, []Point{sample(0)})
	for _, want := range []string{"write " + nobody + ": unreachable", "write " + server.URL + ": answered 502"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %v, expected %q in it", err, want)
		}
	}
	if err := Write(t.Context(), Output{Name: "influxdb"}, []Point{sample(0)}); err == nil || err.Error() != `output "influxdb" has no URL` {
		t.Errorf("without a URL: found %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Write(ended, Output{URLs: []string{server.URL}}, []Point{sample(0)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cut off: found %v", err)
	}
}

// InfluxDB 2.x has organizations, tokens and buckets, and says in JSON what it refuses.
func TestWriteToInfluxDB2(t *testing.T) {
	buckets := map[string]bool{"there": true}
	server := fakeInflux2(t, buckets)
	for _, row := range []struct {
		name   string
		output Output
		point  Point
		says   string
	}{
		{"taken", Output{Token: "secret", Org: "ops", Bucket: "there"}, sample(0), ""},
		{"the bucket is made", Output{Token: "secret", Org: "ops", Bucket: "new"}, sample(0), ""},
		{"wrong token", Output{Token: "guess", Org: "ops", Bucket: "there"}, sample(0), "token refused: unauthorized"},
		{"refused", Output{Token: "secret", Org: "ops", Bucket: "there"}, Point{Measurement: "conflict", Fields: []Field{Int("i", 1)}}, "refused for good: answered 422: unprocessable entity: failure writing points"},
	} {
		row.output.URLs = []string{server.URL}
		err := Write(t.Context(), row.output, []Point{row.point})
		if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: found %v, expected %q in it", row.name, err, row.says)
		}
		if err != nil && strings.Contains(err.Error(), "guess") {
			t.Errorf("%s: found the token in %v", row.name, err)
		}
	}
	if !buckets["new"] {
		t.Error("the bucket was not made")
	}
}

// Real answers of InfluxDB 1.8: the database is made, and of what is refused the rest can be written.
func testWrite(t *testing.T, server string) {
	o := Output{URLs: []string{"http://" + testenv.FreeAddress(t), server}, Bucket: "written"}
	if err := Write(t.Context(), o, []Point{sample(0), sample(1)}); err != nil {
		t.Fatal(err)
	}
	if err := Write(t.Context(), o, []Point{sample(1)}); err != nil {
		t.Errorf("the same again: %v", err)
	}
	text := sample(2)
	text.Fields = []Field{String("i", "text")}
	if err := Write(t.Context(), o, []Point{text, sample(3)}); !errors.Is(err, ErrRefused) || !strings.Contains(fmt.Sprint(err), "field type conflict") {
		t.Errorf("found %v, expected it to be refused", err)
	}
	if answer := influxQL(t, server, "written", "SELECT count(i) FROM m"); !strings.Contains(answer, `,3]`) {
		t.Errorf("found %s, expected three points", answer)
	}
}
