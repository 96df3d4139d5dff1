package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/access"
)

// Grants keeps sign-in links and sessions; it is an [access.Store].
type Grants struct{ store *Store }

// Grants is the part of the store that package access uses.
func (s *Store) Grants() Grants { return Grants{s} }

func grantKey(use access.Use, hash access.Hash) string {
	return accessPrefix + string(use) + "/" + hash.String()
}

// PutGrant stores a grant; it is durable when PutGrant returns nil. etcd drops it some time after it has expired.
func (g Grants) PutGrant(ctx context.Context, grant access.Grant) error {
	value, err := json.Marshal(grant)
	if err != nil {
		return fmt.Errorf("encode grant: %w", err)
	}
	if err := g.store.roomFor(false); err != nil {
		return err
	}
	lease, err := g.store.client.Grant(ctx, max(int64(time.Until(grant.Expires)/time.Second), 1)+60)
	if err != nil {
		return fmt.Errorf("lease for a grant: %w", err)
	}
	op := clientv3.OpPut(grantKey(grant.Use, grant.Hash), string(value), clientv3.WithLease(lease.ID))
	return g.store.transact(ctx, []clientv3.Op{op})
}

// Grant finds a grant without using it up.
func (g Grants) Grant(ctx context.Context, use access.Use, hash access.Hash) (access.Grant, bool, error) {
	var found []access.Grant
	err := load(ctx, g.store, grantKey(use, hash), &found)
	if err != nil || len(found) == 0 {
		return access.Grant{}, false, err
	}
	return found[0], true, nil
}

// TakeGrant uses a grant up: of several callers at once, exactly one gets it.
func (g Grants) TakeGrant(ctx context.Context, use access.Use, hash access.Hash) (access.Grant, bool, error) {
	resp, err := g.store.client.Delete(ctx, grantKey(use, hash), clientv3.WithPrevKV())
	if err != nil {
		return access.Grant{}, false, fmt.Errorf("take a grant: %w", err)
	}
	if len(resp.PrevKvs) == 0 {
		return access.Grant{}, false, nil
	}
	var grant access.Grant
	if err := json.Unmarshal(resp.PrevKvs[0].Value, &grant); err != nil {
		return access.Grant{}, false, fmt.Errorf("read a grant: %w", err)
	}
	return grant, true, nil
}
