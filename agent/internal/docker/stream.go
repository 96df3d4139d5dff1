package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxEventBytes bounds one event; labels of a container come with each of its events.
const maxEventBytes = 1 << 20

// errStreamEnded says that the engine closed the stream, as it does when it stops.
var errStreamEnded = errors.New("stream ended")

// Stream is an open answer of /events. It is not safe for concurrent use,
// but for Close.
type Stream struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

// Events opens the stream of events of containers and images, beginning with those since then
// that the engine still remembers (256 of them, none after its own restart).
// Ending ctx ends the stream.
func (c *Client) Events(ctx context.Context, since time.Time) (*Stream, error) {
	return c.Ask(ctx, EventsQuery{Since: since, Actions: actions[:]})
}

// Ask is Events by a query.
func (c *Client) Ask(ctx context.Context, q EventsQuery) (*Stream, error) {
	query, err := q.values()
	if err != nil {
		return nil, fmt.Errorf("docker events: %w", err)
	}
	res, err := c.get(ctx, "/events?"+query.Encode()) //nolint:bodyclose // Stream.Close closes it
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 0, 4096), maxEventBytes)
	return &Stream{body: res.Body, lines: lines}, nil
}

// Next waits for the next event. bad is the first object that
// could not be read on the way to it, if any: it is skipped. err ends the stream.
func (s *Stream) Next() (e Event, bad, err error) {
	_, e, bad, err = s.next()
	return e, bad, err
}

// NextMessage is Next in the engine's own form.
func (s *Stream) NextMessage() (m Message, bad, err error) {
	m, _, bad, err = s.next()
	return m, bad, err
}

func (s *Stream) next() (m Message, e Event, bad, err error) {
	for s.lines.Scan() {
		if len(s.lines.Bytes()) == 0 {
			continue
		}
		m, e, ok, parseErr := parse(s.lines.Bytes())
		if parseErr != nil {
			if bad == nil {
				bad = parseErr
			}
			continue
		}
		if ok {
			return m, e, bad, nil
		}
	}
	if err := s.lines.Err(); err != nil {
		return Message{}, Event{}, bad, fmt.Errorf("docker events: %w", err)
	}
	return Message{}, Event{}, bad, fmt.Errorf("docker events: %w", errStreamEnded)
}

// Close ends the stream; a waiting Next returns.
func (s *Stream) Close() { _ = s.body.Close() } // nothing is lost by a stream that ends twice
