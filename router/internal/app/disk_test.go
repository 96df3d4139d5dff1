package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nezuban/agent/influx"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

var (
	errFull     = errors.New("the disk is full")
	errNoAnswer = errors.New("no answer from the store")
)

const rotationText = `zone = "UTC"
[people]
alice = { page = ["terminal"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "1999-01-04 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "5m" }]
fallback = "alice"
[[route]]
policy = "standard"
`

// disk stores batches in memory and can be told to refuse.
type disk struct {
	mu      sync.Mutex
	broken  error
	batches []record.Batch
}

func (d *disk) Prepare(*record.Batch) error { return nil }

func (d *disk) Commit(_ context.Context, batches ...record.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	d.batches = append(d.batches, batches...)
	return nil
}

func (d *disk) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

// row is the last stored form of the only row.
func (d *disk) row() incident.Row {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range slices.Backward(d.batches) {
		if n := len(b.Change.Rows); n > 0 {
			return b.Change.Rows[n-1]
		}
	}
	return incident.Row{}
}

// newEngine is an engine without a rotation file that knows one rule.
func newEngine(t *testing.T, store duty.Committer, now func() time.Time) *duty.Engine {
	t.Helper()
	set, problems := rule.Compile(rule.Config{Rules: []rule.RuleConfig{{ID: "container-died", Kind: "container_died"}}}, nil, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	ids := 0
	return duty.New(duty.Options{
		Store: store, Now: now, Log: discard, Rules: set,
		NewID: func(time.Time) string { ids++; return fmt.Sprintf("I%03d", ids) },
	}, record.Stored{})
}

// incident is the open one of this id.
func (r *rotations) incident(t *testing.T, id string) incident.Incident {
	t.Helper()
	for _, inc := range r.engine.Incidents() {
		if inc.ID == id {
			return inc
		}
	}
	t.Fatalf("incident %s is not known any more", id)
	return incident.Incident{}
}

// death is the crash of a container.
func death(at time.Time) influx.Point {
	return influx.Point{
		Measurement: "container_event", Time: at,
		Tags:   []influx.Tag{{Key: "host", Value: "web1"}, {Key: "container_name", Value: "shop"}, {Key: "action", Value: "die"}},
		Fields: []influx.Field{influx.String("container_id", "c1"), influx.Int("exit_code", 7), influx.Bool("requested", false), influx.String("restart_policy", "no")},
	}
}
