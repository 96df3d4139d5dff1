package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
)

// stateFilling is the rule whose incident tells the person on call that the state fills up.
const stateFilling = "nezuban-state-filling"

// Shares of the quota from which on it is told; below the last it is over.
const (
	fillingTicket = 0.60
	fillingPage   = 0.80
	fillingOver   = 0.55

	tendEvery = 2 * time.Second
)

// fillingSeverity is how badly room is needed; "" when it is not. firing says that it is told already.
func fillingSeverity(s state.Space, firing bool) incident.Severity {
	switch full := s.Full(); {
	case s.Alarm || s.DiskScant() || full >= fillingPage:
		return incident.SeverityPage
	case s.DiskLow() || full >= fillingTicket || (firing && full >= fillingOver):
		return incident.SeverityTicket
	}
	return ""
}

// fillingSummary says what fills.
func fillingSummary(s state.Space) string {
	const mib = 1 << 20
	if s.DiskLow() {
		return fmt.Sprintf("the disk of the router's state folder has %d MiB left", s.Free/mib)
	}
	return fmt.Sprintf("the router's state takes %d of %d MiB (%d %%)", s.InUse/mib, s.Quota/mib, int(s.Full()*100))
}

// tend makes room in the state, and tells when it fills, until ctx ends.
func (r *router) tend(ctx context.Context) {
	told := incident.Severity("")
	for ctx.Err() == nil {
		space, err := r.node.conn.Tend(ctx)
		if err == nil {
			r.node.measured(space)
			told, err = r.tellFilling(ctx, space, told)
		}
		if err == nil {
			err = r.tellShed(ctx, r.store.TakeShed())
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.roomTrouble.Failed(err)
		default:
			r.roomTrouble.OK()
		}
		timer := time.NewTimer(tendEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.node.conn.Full():
		}
		timer.Stop()
	}
}

// tellFilling makes how full the state is an incident, or the end of one. Whether an earlier life has told it is not known
// at first: the end is told then, which changes nothing if there is none.
func (r *router) tellFilling(ctx context.Context, s state.Space, told incident.Severity) (incident.Severity, error) {
	severity := fillingSeverity(s, r.filling())
	if severity == told && told != "" {
		return told, nil
	}
	if severity == "" && !r.filling() {
		return "", nil
	}
	alert := incident.Alert{
		Key: incident.DedupKey(stateFilling), Rule: stateFilling, Kind: incident.KindState, Firing: severity != "",
		Severity: severity, Summary: fillingSummary(s), At: r.engine.Now(),
	}
	if severity == "" {
		alert.Severity, alert.Summary = incident.SeverityTicket, "there is room again: "+alert.Summary
	}
	if err := r.engine.Report(ctx, []incident.Alert{alert}); err != nil {
		return told, err
	}
	return severity, nil
}

// filling says that an incident about it is open.
func (r *router) filling() bool {
	return r.engine.Firing(incident.DedupKey(stateFilling))
}

// tellShed writes into each open timeline how many of its lines were not kept. What cannot be written at once the engine
// owes: it is not to be told again.
func (r *router) tellShed(ctx context.Context, shed map[string]int) error {
	var failed error
	for _, id := range slices.Sorted(maps.Keys(shed)) {
		err := r.engine.Note(ctx, id, "nezuban", fmt.Sprintf("%d lines of this timeline were not kept, because the state was full", shed[id]))
		if err != nil && !errors.Is(err, incident.ErrUnknown) { // over meanwhile
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// measured publishes how full the state is.
func (n *node) measured(s state.Space) { n.space.Store(&s) }
