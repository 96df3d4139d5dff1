package access

import (
	"context"
	"sync"
	"time"
)

// Use tells what a grant is.
type Use string

// The uses of grants.
const (
	UseLink    Use = "link"    // a sign-in link not used yet
	UseSession Use = "session" // a browser that is signed in
)

// Version is what this release writes into each stored grant.
const Version = 1

// Grant is a secret handed out for a limited time, as it is stored: by hash.
type Grant struct {
	Version int       `json:"version"`
	Use     Use       `json:"use"`
	Hash    Hash      `json:"hash"`
	Person  string    `json:"person"`  // who signs in with it
	Expires time.Time `json:"expires"` // from then on it is refused; a store may delete it from then on
}

// Store keeps grants, so that a restart signs nobody out and revives no used link. Its methods are called concurrently.
type Store interface {
	// PutGrant returns nil only when the grant is durable.
	PutGrant(ctx context.Context, g Grant) error
	// Grant finds a grant; false means that there is none, an error that nobody knows.
	Grant(ctx context.Context, use Use, hash Hash) (Grant, bool, error)
	// TakeGrant removes a grant and returns it. Of several concurrent calls for one grant exactly one gets it.
	TakeGrant(ctx context.Context, use Use, hash Hash) (Grant, bool, error)
}

// Memory is a Store whose grants end with the process. The zero value is ready.
type Memory struct {
	mu     sync.Mutex
	grants map[memoryKey]Grant
}

type memoryKey struct {
	use  Use
	hash Hash
}

// PutGrant implements [Store].
func (m *Memory) PutGrant(_ context.Context, g Grant) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.grants == nil {
		m.grants = map[memoryKey]Grant{}
	}
	m.grants[memoryKey{g.Use, g.Hash}] = g
	return nil
}

// Grant implements [Store].
func (m *Memory) Grant(_ context.Context, use Use, hash Hash) (Grant, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g, ok := m.grants[memoryKey{use, hash}]
	return g, ok, nil
}

// TakeGrant implements [Store].
func (m *Memory) TakeGrant(_ context.Context, use Use, hash Hash) (Grant, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g, ok := m.grants[memoryKey{use, hash}]
	delete(m.grants, memoryKey{use, hash})
	return g, ok, nil
}
