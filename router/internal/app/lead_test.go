package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"nezuban/agent/daemon"
	"nezuban/router/internal/state"
)

func testDaemon() *daemon.Daemon {
	return &daemon.Daemon{Log: discard, Health: &daemon.Health{}, Metrics: metrics.NewSet()}
}

// A lead that is lost while the state is being read is lost as well: whoever is on call hears of it if nobody leads then.
func TestALeadThatIsLostAtItsBeginningIsALostLead(t *testing.T) {
	conn, err := state.Connect(t.Context(), state.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, end := context.WithCancelCause(t.Context())
	term, err := conn.Campaign(ctx, state.Candidate{Name: "a", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer term.Resign()
	end(state.ErrLeadLost)
	n := &node{d: testDaemon(), conn: conn}
	if err := n.preside(term); !errors.Is(err, state.ErrLeadLost) || !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, want what ended the term and what came of it", err)
	}
}
