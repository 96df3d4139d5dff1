package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Rotation is a rotation file that was accepted: it stays in force, over restarts too, until another one is.
type Rotation struct {
	Version int       `json:"version"`
	Name    string    `json:"name"` // path it was read from
	Text    []byte    `json:"text"`
	Since   time.Time `json:"since"`
}

// Rotation reads the rotation file in force; ok is false when none was ever accepted.
func (s *Store) Rotation(ctx context.Context) (r Rotation, ok bool, err error) {
	var found []Rotation
	if err := load(ctx, s, rotationKey, &found); err != nil || len(found) == 0 {
		return Rotation{}, false, err
	}
	return found[0], true, nil
}

// PutRotation stores the rotation file in force.
func (s *Store) PutRotation(ctx context.Context, r Rotation) error {
	r.Version = 1
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode rotation file: %w", err)
	}
	return s.transact(ctx, []clientv3.Op{clientv3.OpPut(rotationKey, string(value))})
}
