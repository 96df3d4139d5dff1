package pagerduty

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"nezuban/router/internal/page/attempt"
)

// lane is one of PagerDuty's two APIs, as its limits are concerned. It is safe for concurrent use.
type lane struct {
	bucket *rate.Limiter

	mu     sync.Mutex
	paused time.Time // no request goes out before
}

func newLane(perMinute float64, burst int) *lane {
	return &lane{bucket: rate.NewLimiter(rate.Limit(perMinute/time.Minute.Seconds()), burst)}
}

// pause is how long no request may go out.
func (l *lane) pause(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.paused.Sub(now), 0)
}

func (l *lane) pauseUntil(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.After(l.paused) {
		l.paused = t
	}
}

// wire is the HTTP client of one call.
type wire struct {
	http   *attempt.Client
	lane   *lane
	status int           // of the answer; 0: there was none
	wait   time.Duration // PagerDuty asked to wait this long
	err    error         // why there was no answer
	unsent bool          // the request was not made
	body   []byte        // of the answer
}

// Do implements the library's HTTPClient: it keeps to the rate limit, bounds the attempt, and notes what came back.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	if w.wait = w.lane.pause(time.Now()); w.wait > 0 {
		w.unsent, w.err = true, fmt.Errorf("its rate limit is used up for another %v", w.wait.Round(time.Second))
		return nil, w.err
	}
	if err := w.lane.bucket.Wait(r.Context()); err != nil {
		w.unsent, w.err = true, fmt.Errorf("await our own rate limit: %w", err)
		return nil, w.err
	}
	answer, err := w.http.Do(r)
	if err != nil {
		w.err = err
		return nil, err
	}
	w.status, w.body = answer.Status, answer.Body
	w.heed(answer)
	return &http.Response{
		Status: http.StatusText(answer.Status), StatusCode: answer.Status, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(answer.Body)), Request: r,
	}, nil
}

// readable is err, of a call that was answered; when the answer is no JSON object, in words that do not speak of the library's types.
func (w *wire) readable(err error) error {
	var object map[string]json.RawMessage
	if unread := json.Unmarshal(w.body, &object); w.status/100 == 2 && unread != nil {
		return fmt.Errorf("answer %d cannot be read: %w", w.status, attempt.Unread(unread))
	}
	return attempt.Unread(err)
}

// heed takes in what the answer says about the rate limit.
func (w *wire) heed(answer attempt.Answer) {
	now := time.Now()
	wait := attempt.Wait(answer.Header, now)
	switch {
	case attempt.Retryable(answer.Status):
		w.wait = wait
	case answer.Header.Get("Ratelimit-Remaining") != "0":
		return
	}
	if answer.Status < http.StatusInternalServerError && wait > 0 {
		w.lane.pauseUntil(now.Add(wait))
	}
}
