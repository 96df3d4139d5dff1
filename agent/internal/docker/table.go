package docker

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Table is what the agent knows of the containers of one engine, by id. It
// holds as many as the engine has: one enters with its first event or the
// engine's list, and leaves with its destroy or a list without it. The event
// loop writes it, sampling reads it; it is safe for that.
type Table struct {
	mu     sync.Mutex
	byID   map[string]Container
	engine Info
	up     bool
	seen   bool
	begun  []Life        // that nobody has taken
	news   chan struct{} // holds one: there are such
}

// Life is one run of a container.
type Life struct {
	ID      string
	Started time.Time
}

// NewTable makes an empty table.
func NewTable() *Table {
	return &Table{byID: make(map[string]Container), news: make(chan struct{}, 1)}
}

// Put adds a container, or replaces what was known of it.
func (t *Table) Put(c Container) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begins(c)
	t.byID[c.ID] = c
}

// begins notes a life that was not known.
func (t *Table) begins(c Container) {
	if old := t.byID[c.ID]; !c.Running() || c.StartedAt.IsZero() || (old.Running() && old.StartedAt.Equal(c.StartedAt)) {
		return
	}
	t.begun = append(t.begun, Life{c.ID, c.StartedAt})
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// News has something when a life has begun that [Table.Begun] has not given yet.
func (t *Table) News() <-chan struct{} { return t.news }

// Begun gives the lives that began since it was called last, or are known since.
func (t *Table) Begun() []Life {
	t.mu.Lock()
	defer t.mu.Unlock()
	begun := t.begun
	t.begun = nil
	return begun
}

// Find gives what is known of a container.
func (t *Table) Find(id string) (Container, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.byID[id]
	return c, ok
}

// Delete forgets a container.
func (t *Table) Delete(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, id)
}

// Replace makes the table hold these containers and no others.
func (t *Table) Replace(containers []Container) {
	byID := make(map[string]Container, len(containers))
	for _, c := range containers {
		byID[c.ID] = c
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range containers {
		t.begins(c)
	}
	t.byID = byID
}

// All lists the containers in no order.
func (t *Table) All() []Container {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.byID))
}

// Append adds the containers, in no order.
func (t *Table) Append(to []Container) []Container {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.byID {
		to = append(to, c)
	}
	return to
}

// Connected notes that the engine answered, and what it said of itself.
func (t *Table) Connected(engine Info) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.engine, t.up, t.seen = engine, true, true
}

// Disconnected notes that the engine is away; what was known of it stays.
func (t *Table) Disconnected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.up = false
}

// Engine is what the engine last said of itself. seen is false while it has
// never answered, up while it does not answer now.
func (t *Table) Engine() (engine Info, seen, up bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.engine, t.seen, t.up
}
