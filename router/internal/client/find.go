package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// shortest is how many characters of an id a person must give: less of it says too little of what they mean.
const shortest = 4

// named is something that a person may mean by a part of its id.
type named struct{ id, what string }

// Find is the id of the incident that a person means: a whole id, or as much of the beginning or the end of an open
// incident's as no other one has, in letters of either case. Those that are over are only known by the whole. The error for
// several names them; that for none wraps [ErrUnknown]. It needs a read token.
func (c *Client) Find(ctx context.Context, text string) (string, error) {
	for _, id := range slices.Compact([]string{text, strings.ToUpper(text)}) {
		if _, err := c.Incident(ctx, id); err == nil || !errors.Is(err, ErrUnknown) {
			return id, err
		}
	}
	list, err := c.Incidents(ctx, 0)
	if err != nil {
		return "", err
	}
	all := make([]named, 0, len(list))
	for _, inc := range list {
		all = append(all, named{inc.ID, what(inc)})
	}
	return pick("incident", text, all)
}

// FindSilence is [Client.Find] for silences.
func (c *Client) FindSilence(ctx context.Context, text string) (string, error) {
	list, err := c.Silences(ctx)
	if err != nil {
		return "", err
	}
	all := make([]named, 0, len(list))
	for _, s := range list {
		all = append(all, named{s.ID, printable(s.Matchers.String())})
	}
	return pick("silence", text, all)
}

// pick finds the one that a text means.
func pick(kind, text string, all []named) (string, error) {
	var found []named
	upper := strings.ToUpper(text)
	for _, one := range all {
		switch id := strings.ToUpper(one.id); {
		case id == upper:
			return one.id, nil
		case len(text) >= shortest && (strings.HasPrefix(id, upper) || strings.HasSuffix(id, upper)):
			found = append(found, one)
		}
	}
	switch n := len(found); {
	case n == 0 && len(text) < shortest:
		return "", fmt.Errorf("%s %q: expected at least %d characters of an id", kind, text, shortest)
	case n == 0:
		return "", fmt.Errorf("%s %q: %w", kind, text, ErrUnknown)
	case n == 1:
		return found[0].id, nil
	}
	const listed = 5
	lines := make([]string, 0, listed+1)
	for _, one := range found[:min(len(found), listed)] {
		lines = append(lines, fmt.Sprintf("  %s  %s", printable(one.id), one.what))
	}
	if more := len(found) - listed; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return "", fmt.Errorf("%s %q: found %d ids that begin or end so, expected more of one\n%s", kind, text, len(found), strings.Join(lines, "\n"))
}
