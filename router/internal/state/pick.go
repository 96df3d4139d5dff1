package state

import (
	"context"

	"nezuban/oncall/escalation"
)

// pick is whom a step that takes turns has told last.
type pick struct {
	Version int    `json:"version"`
	Key     string `json:"key"` // see escalation.PickKey
	Name    string `json:"name"`
}

// picks reads all of them.
func (s *Store) picks(ctx context.Context) (escalation.Picks, error) {
	var stored []pick
	if err := load(ctx, s, pickPrefix, &stored); err != nil {
		return nil, err
	}
	picks := escalation.Picks{}
	for _, p := range stored {
		picks[p.Key] = p.Name
	}
	return picks, nil
}
