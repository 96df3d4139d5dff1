package influx

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// MaxBackoff is the longest wait of a writer between two tries, unless the server asks for a longer one. A router that has
// started calls nobody absent for twice as long.
const MaxBackoff = 30 * time.Second

// Other bounds of the waits between tries.
const (
	minBackoff    = 500 * time.Millisecond
	maxRetryAfter = 5 * time.Minute // a server that asks for more is asked again anyway
)

// fate is what becomes of a batch that was sent.
type fate int

const (
	fateSent    fate = iota
	fateRefused      // the server read it and does not want (all of) it: never again
	fateHalve        // too large: again in halves
	fateRetry        // anything that may pass
)

// judge reads a server's answer. A wrong token is a fateRetry too: it will be
// mended without our restart, and the data is still good then.
func judge(err error) fate {
	if err == nil {
		return fateSent
	}
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return fateRefused
	case http.StatusRequestEntityTooLarge:
		return fateHalve
	default:
		return fateRetry
	}
}

// statusOf is the HTTP status that an error carries, 0 when there was no answer.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*influxhttp.Error](err); ok {
		return answer.StatusCode
	}
	return 0
}

// locationOf is where a redirect leads, without user and query, which may be secrets.
func locationOf(err error) string {
	answer, ok := errors.AsType[*influxhttp.Error](err)
	if !ok {
		return ""
	}
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		return "what is no address"
	}
	if to.Opaque != "" { // nothing of it is known
		return to.Scheme + ":…"
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
}

// retryAfter is how long the server asks to be left alone, 0 when it does not.
func retryAfter(err error, now time.Time) time.Duration {
	answer, ok := errors.AsType[*influxhttp.Error](err)
	if !ok {
		return 0
	}
	wait := time.Duration(min(answer.RetryAfter, uint(maxRetryAfter/time.Second))) * time.Second
	if at, parseErr := http.ParseTime(answer.Header.Get("Retry-After")); parseErr == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// backoff is the wait after the given number of failed tries, from 1; jitter
// in [0,1) spreads senders over the upper half of it.
func backoff(failures int, jitter float64) time.Duration {
	full := MaxBackoff
	if doublings := failures - 1; doublings < 6 { // 0.5 s · 2⁶ is past the bound
		full = min(minBackoff<<doublings, MaxBackoff)
	}
	return full/2 + time.Duration(jitter*float64(full/2))
}
