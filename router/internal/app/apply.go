package app

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/state"
	"nezuban/router/internal/web"
)

// Apply puts a file that somebody hands in in force, durably before it returns nil. One that is refused leaves the last
// good one in force, and the person on call is told, so that nobody believes the new one is.
func (r *rotations) Apply(ctx context.Context, name, by string, text []byte) (web.Applied, error) {
	if r.source != sourceApply {
		return web.Applied{}, web.ErrLocalFile
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.settle(ctx); err != nil {
		return web.Applied{}, err
	}
	f, err := r.good(name, text, nil)
	if err != nil {
		r.log.Error("applied rotation file refused; the last good one stays in force", "file", name, "by", by, "err", err)
		if _, ok := r.known.Load().current(); ok { // else there is nobody to tell but whoever applies it
			said := refused(name, err.Error())
			r.owed = &said
			r.tellOwed(ctx)
		}
		return web.Applied{}, &web.RefusedError{TooLarge: len(text) > schedule.MaxBytes, Problems: problems(err)}
	}
	v, already, err := r.accept(ctx, f, by, text)
	if err != nil {
		return web.Applied{}, err
	}
	r.owed = &notice{file: name, summary: fmt.Sprintf("a good rotation file was applied: version %s is in force", v.Short())}
	r.tellOwed(ctx)
	applied := web.Applied{Version: versionOf(v), Already: already}
	for _, problem := range r.unreachable(r.contacts.Load(), f) {
		applied.Warnings = append(applied.Warnings, problem.Error())
	}
	return applied, nil
}

// tellOwed tells what could not be told yet. The caller holds mu.
func (r *rotations) tellOwed(ctx context.Context) {
	if r.owed != nil && r.tell(ctx, *r.owed) {
		r.owed = nil
	}
}

// problems are the mistakes of a file, each as file:line: …
func problems(err error) []string {
	found, ok := errors.AsType[tomlfile.Problems](err)
	if !ok {
		return strings.Split(err.Error(), "\n")
	}
	list := make([]string, 0, len(found))
	for _, problem := range found {
		list = append(list, problem.Error())
	}
	return list
}

// Versions are all that were accepted, the one in force last.
func (r *rotations) Versions() []web.Version {
	known := r.known.Load().versions
	list := make([]web.Version, 0, len(known))
	for _, v := range known {
		list = append(list, versionOf(v))
	}
	return list
}

// TextAt is the version in force at a time, and its text.
func (r *rotations) TextAt(ctx context.Context, at time.Time) (web.Version, []byte, error) {
	h := r.known.Load()
	v, err := h.at(at)
	if err != nil {
		return web.Version{}, nil, err
	}
	text, err := r.textOf(ctx, h, v)
	return versionOf(v), text, err
}

// FileAt is the version in force at a time, and what it says.
func (r *rotations) FileAt(ctx context.Context, at time.Time) (web.Version, *schedule.File, error) {
	h := r.known.Load()
	v, err := h.at(at)
	if err != nil {
		return web.Version{}, nil, err
	}
	if now, ok := h.current(); ok && now.Seq == v.Seq {
		return versionOf(v), h.file, nil
	}
	text, err := r.textOf(ctx, h, v)
	if err != nil {
		return web.Version{}, nil, err
	}
	f, err := schedule.Parse(v.Name, text)
	if err != nil {
		return web.Version{}, nil, fmt.Errorf("version %s of the rotation file does not load any more: %w", v.Short(), err)
	}
	return versionOf(v), f, nil
}

func (r *rotations) textOf(ctx context.Context, h *history, v state.Rotation) ([]byte, error) {
	if now, ok := h.current(); ok && now.Hash == v.Hash {
		return h.text, nil
	}
	ctx, cancel := context.WithTimeout(ctx, commitWithin)
	defer cancel()
	return r.store.RotationText(ctx, v.Hash)
}

// at is the version in force at a time; in the future that is the present one.
func (h *history) at(at time.Time) (state.Rotation, error) {
	n := sort.Search(len(h.versions), func(i int) bool { return h.versions[i].Since.After(at) })
	switch {
	case len(h.versions) == 0:
		return state.Rotation{}, fmt.Errorf("%w: none was accepted yet", web.ErrNoVersion)
	case n == 0:
		first := h.versions[0].Since.UTC().Format(time.RFC3339)
		return state.Rotation{}, fmt.Errorf("%w: the first that is known came in force at %s", web.ErrNoVersion, first)
	}
	return h.versions[n-1], nil
}

func versionOf(v state.Rotation) web.Version {
	return web.Version{Hash: v.Hash, Since: v.Since, Name: v.Name, By: v.By}
}
