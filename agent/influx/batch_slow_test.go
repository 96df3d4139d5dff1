package influx

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/packaging/testenv"
)

// slowLink is a way to a server that takes so many bytes a second.
type slowLink struct {
	bytesPerSecond int
	accepted       strings.Builder
	longest        time.Duration // of the requests
	events         chan time.Time
}

func (l *slowLink) write(ctx context.Context, lines string) error {
	needs := time.Duration(len(lines)) * time.Second / time.Duration(l.bytesPerSecond)
	l.longest = max(l.longest, min(needs, requestTimeout))
	if needs > requestTimeout {
		time.Sleep(requestTimeout)
		return &slowError{context.DeadlineExceeded}
	}
	select {
	case <-time.After(needs):
	case <-ctx.Done():
		return ctx.Err()
	}
	l.accepted.WriteString(lines)
	if strings.Contains(lines, ContainerEvent) {
		l.events <- time.Now()
	}
	return nil
}

// A backlog goes through a link that is too slow for batches of the usual size, and events do not wait behind it for long.
func TestABacklogGoesThroughASlowLink(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		link := &slowLink{bytesPerSecond: 5_000, events: make(chan time.Time, 1)}
		w := NewWriter(
			[]Output{{Name: "db", URLs: []string{"http://db.example"}}},
			WriterOptions{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), SpoolDir: dir},
		)
		w.senders[0].urls[0].write = link.write
		const lines = 20_000 // some 100 s of the link
		for i := range lines {
			w.Write(sample(i))
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(time.Minute)
		written := time.Now()
		w.WriteNow(happening(0))
		if waited := (<-link.events).Sub(written); waited > easyRequest*3/2 {
			t.Errorf("an event waited for %s behind the backlog", waited)
		}
		time.Sleep(4 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := strings.Count(link.accepted.String(), "\n"); got != lines+1 {
			t.Errorf("found %d lines through, expected %d", got, lines+1)
		}
		if link.longest < requestTimeout {
			t.Errorf("found requests of at most %s, expected the first to be too large", link.longest)
		}
	})
}

// That a server was reached and does not answer is told from one that is not reached.
func TestASlowServerIsNotUnreachable(t *testing.T) {
	var over http.Transport
	t.Cleanup(over.CloseIdleConnections)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	for url, want := range map[string]string{
		server.URL:                         "did not answer within 10s: ",
		"http://" + testenv.FreeAddress(t): "unreachable: ",
	} {
		o := Output{Name: "db", Bucket: "db"}
		client := o.client(url, &over)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // as the client's own, but shorter; it covers connecting too
		err := o.explain(writer(client, o)(ctx, "m i=1i 1\n"))
		cancel()
		if !strings.HasPrefix(err.Error(), want) || isSlow(err) != (url == server.URL) {
			t.Errorf("found %q, expected %q…", err, want)
		}
		client.Close()
	}
}
