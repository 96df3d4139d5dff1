package influx

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

func answered(status int) error {
	return fmt.Errorf("write: %w", &influxhttp.Error{StatusCode: status, Header: http.Header{}})
}

func TestJudge(t *testing.T) {
	tests := map[string]struct {
		err  error
		want fate
	}{
		"accepted":           {nil, fateSent},
		"no answer":          {errors.New("connection refused"), fateRetry},
		"bad lines":          {answered(400), fateRefused},
		"unprocessable":      {answered(422), fateRefused},
		"wrong token":        {answered(401), fateRetry},
		"forbidden":          {answered(403), fateRetry},
		"still no database":  {answered(404), fateRetry},
		"too large":          {answered(413), fateHalve},
		"too many":           {answered(429), fateRetry},
		"broken":             {answered(500), fateRetry},
		"unavailable":        {answered(503), fateRetry},
		"an unheard-of word": {answered(418), fateRetry},
	}
	for name, test := range tests {
		if got := judge(test.err); got != test.want {
			t.Errorf("%s: found fate %d, expected %d", name, got, test.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	tests := []struct {
		failures int
		jitter   float64
		want     time.Duration
	}{
		{1, 0, 250 * time.Millisecond},
		{1, 1, 500 * time.Millisecond},
		{2, 1, time.Second},
		{3, 0.5, 1500 * time.Millisecond},
		{6, 1, 16 * time.Second},
		{7, 1, 30 * time.Second},
		{1000, 1, 30 * time.Second},
		{1000, 0, 15 * time.Second},
	}
	for _, test := range tests {
		if got := backoff(test.failures, test.jitter); got != test.want {
			t.Errorf("%d failures, jitter %v: found %s, expected %s", test.failures, test.jitter, got, test.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	tests := map[string]struct {
		err  error
		want time.Duration
	}{
		"not asked":       {answered(503), 0},
		"no answer":       {errors.New("no"), 0},
		"seconds":         {&influxhttp.Error{RetryAfter: 7}, 7 * time.Second},
		"a time":          {&influxhttp.Error{Header: http.Header{"Retry-After": {now.Add(9 * time.Second).UTC().Format(http.TimeFormat)}}}, 9 * time.Second},
		"a time gone by":  {&influxhttp.Error{Header: http.Header{"Retry-After": {now.Add(-time.Hour).UTC().Format(http.TimeFormat)}}}, 0},
		"beyond reason":   {&influxhttp.Error{RetryAfter: 1 << 40}, maxRetryAfter},
		"beyond any time": {&influxhttp.Error{RetryAfter: ^uint(0)}, maxRetryAfter},
	}
	for name, test := range tests {
		if got := retryAfter(test.err, now); got != test.want {
			t.Errorf("%s: found %s, expected %s", name, got, test.want)
		}
	}
}
