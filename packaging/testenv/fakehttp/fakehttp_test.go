package fakehttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/packaging/testenv/fakehttp"
)

// counter is a provider that counts what took effect.
func counter(t *testing.T) (*fakehttp.Server, *atomic.Int64) {
	t.Helper()
	var effects atomic.Int64
	server := fakehttp.New(t, func(w http.ResponseWriter, _ *http.Request) {
		fakehttp.WriteJSON(w, http.StatusCreated, effects.Add(1))
	}, func(status int) any { return status })
	return server, &effects
}

// post sends a write and returns the answer's status, 0 if there was none.
func post(ctx context.Context, t *testing.T, address string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// until ends once seen does, at most after ten seconds: a client that goes away then.
func until(t *testing.T, server *fakehttp.Server, seen func() bool) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer cancel()
		if err := server.Await(within(t, 10*time.Second), seen); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(waiting.Wait)
	return ctx
}

func TestHangHoldsBackUntilReleased(t *testing.T) {
	server, effects := counter(t)
	release := server.Hang()
	status := make(chan int, 1)
	go func() { status <- post(within(t, 10*time.Second), t, server.URL) }()
	if err := server.Await(within(t, 10*time.Second), func() bool { return len(server.Requests()) == 1 }); err != nil {
		t.Fatal(err)
	}
	if n := effects.Load(); n != 0 {
		t.Fatalf("%d took effect while hanging", n)
	}
	release()
	release()
	if got := <-status; got != http.StatusCreated || effects.Load() != 1 {
		t.Errorf("status %d, %d effects", got, effects.Load())
	}
	if got := post(within(t, 10*time.Second), t, server.URL); got != http.StatusCreated {
		t.Errorf("after the release: status %d", got)
	}
}

func TestHangForgetsAClientThatIsGone(t *testing.T) {
	server, effects := counter(t)
	release := server.Hang()
	if got := post(until(t, server, func() bool { return len(server.Requests()) == 1 }), t, server.URL); got != 0 {
		t.Fatalf("status %d, want none", got)
	}
	if err := server.Await(within(t, 10*time.Second), func() bool { return server.Requests()[0].Gone }); err != nil {
		t.Fatal(err)
	}
	release()
	if got := post(within(t, 10*time.Second), t, server.URL); got != http.StatusCreated || effects.Load() != 1 {
		t.Errorf("status %d, %d effects, want 1", got, effects.Load())
	}
}

func TestSwallowTakesEffect(t *testing.T) {
	server, effects := counter(t)
	server.Swallow(1)
	if got := post(until(t, server, func() bool { return effects.Load() == 1 }), t, server.URL); got != 0 || effects.Load() != 1 {
		t.Errorf("status %d, %d effects, want none and 1", got, effects.Load())
	}
}

func TestGarbleTakesEffect(t *testing.T) {
	server, effects := counter(t)
	server.Garble("{}")
	answer, err := http.Post(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); string(body) != "{}" || err != nil || answer.StatusCode != http.StatusCreated || effects.Load() != 1 {
		t.Errorf("answered %d %q, %v, %d effects", answer.StatusCode, body, err, effects.Load())
	}
}

func TestScriptedAnswersComeInOrder(t *testing.T) {
	server, effects := counter(t)
	server.Fail(1, http.StatusBadGateway)
	server.Limit(1, http.Header{"Retry-After": {"3"}})
	for _, want := range []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusCreated} {
		if got := post(within(t, 10*time.Second), t, server.URL); got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
	if requests := server.Requests(); effects.Load() != 1 || len(requests) != 3 || requests[1].Status != http.StatusBadGateway {
		t.Errorf("%d effects, requests %+v", effects.Load(), requests)
	}
}

func TestAwaitLooksOnceMoreWhenItsContextEnds(t *testing.T) {
	server, _ := counter(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	looks := 0
	if err := server.Await(ctx, func() bool { looks++; return looks == 2 }); err != nil {
		t.Error(err)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	server, _ := counter(t)
	if err := server.Await(within(t, 10*time.Millisecond), func() bool { return false }); err == nil {
		t.Error("no error")
	}
}

// A client that is impatient gives up what is swallowed, and waits for everything else.
func TestImpatientGivesUpWhatIsSwallowed(t *testing.T) {
	server, effects := counter(t)
	client := server.Impatient()
	for n, swallowed := range []int{0, 1, 0, 1} {
		server.Swallow(swallowed)
		answer, err := client.Post(server.URL, "", nil)
		if err == nil {
			_, err = io.ReadAll(answer.Body)
			_ = answer.Body.Close()
		}
		if errors.Is(err, context.DeadlineExceeded) != (swallowed == 1) || (err != nil) != (swallowed == 1) || effects.Load() != int64(n+1) {
			t.Errorf("%d swallowed: found %v, %d effects", swallowed, err, effects.Load())
		}
	}
}
