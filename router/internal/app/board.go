package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/reach"
)

// board is what people see, for package web.
type board struct{ r *router }

// Incidents implements [web.Board]. An incident that is over stays in the book for a while; it counts as closed.
func (b board) Incidents(most int, before string) []incident.Incident {
	var open, over []incident.Incident
	seen := map[string]bool{}
	for _, inc := range b.r.engine.Incidents() {
		seen[inc.ID] = true
		switch {
		case inc.State != incident.Resolved && before == "":
			open = append(open, inc)
		case inc.State == incident.Resolved && (before == "" || inc.ID < before):
			over = append(over, inc)
		}
	}
	if most == 0 {
		return open
	}
	closed, err := b.r.archive.Latest(most, before)
	if err != nil {
		b.r.d.Log.Error("cannot list closed incidents", "err", err)
	}
	for _, c := range closed {
		if !seen[c.ID] { // filed away, and about to leave the book
			over = append(over, c)
		}
	}
	slices.SortFunc(over, func(a, b incident.Incident) int { return cmp.Compare(b.ID, a.ID) }) // ids sort by time of opening
	return append(open, over[:min(most, len(over))]...)
}

// Incident finds an open incident in the store, or a closed one in its file.
func (b board) Incident(id string) (incident.Incident, []incident.Entry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitWithin)
	defer cancel()
	if inc, open := b.r.engine.Incident(id); open {
		timeline, err := b.r.store.Timeline(ctx, id)
		return inc, timeline, err
	}
	closed, err := b.r.archive.Closed(id)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("show incident %q: %w", id, incident.ErrUnknown)
	}
	return closed.Incident, closed.Timeline, err
}

// Reach says whom an incident has reached.
func (b board) Reach(id string) reach.Reach {
	inc, rows, ok := b.r.engine.Look(id)
	if !ok {
		return reach.Reach{}
	}
	return reach.Of(inc, rows, b.r.row)
}

// OnCall says for every schedule who is on call; nil while there is no rotation file.
func (b board) OnCall(now time.Time) []schedule.Answer {
	f := b.r.engine.File()
	if f == nil {
		return nil
	}
	return f.OnCall(now)
}
