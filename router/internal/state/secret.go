package state

import (
	"context"
	"crypto/rand"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

const (
	secretPrefix = record.Prefix + "secret/"
	secretBytes  = 32
)

// Secret is 32 random bytes under a name, made when they are first asked for and the same ever after, for every router on
// this state: what was made with them stays good over restarts.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	key := secretPrefix + name
	made := make([]byte, secretBytes)
	_, _ = rand.Read(made) // never fails: it ends the program first
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(made))).
		Else(clientv3.OpGet(key)).Commit()
	if err != nil {
		return nil, fmt.Errorf("read secret %q from etcd: %w", name, err)
	}
	if resp.Succeeded {
		return made, nil
	}
	for _, kv := range resp.Responses[0].GetResponseRange().Kvs {
		if len(kv.Value) == secretBytes {
			return kv.Value, nil
		}
	}
	return nil, fmt.Errorf("read secret %q from etcd: found no %d bytes", name, secretBytes)
}
