package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"nezuban/router/internal/state/record"
)

// Space is how full the state is. The zero value is empty and without bounds.
type Space struct {
	Quota  int64 // bytes that the state may take; the embedded member's database takes some more of what was accepted
	limit  int64 // bytes at which etcd itself refuses
	Size   int64 // bytes that it takes, of what is deleted too
	InUse  int64 // bytes of Size that hold something
	Free   int64 // bytes left on the disk of the embedded member; 0 against an external cluster
	Alarm  bool  // etcd refuses everything that needs room
	hasDir bool
}

// reaches says that the database takes such a share of the quota, from 0 to 1, with what is deleted.
func (s Space) reaches(share float64) bool {
	return s.Quota > 0 && float64(s.Size) >= share*float64(s.Quota)
}

// Full is the share of the quota that is in use, from 0 to 1.
func (s Space) Full() float64 {
	if s.Quota <= 0 {
		return 0
	}
	return float64(s.InUse) / float64(s.Quota)
}

// Limits of the disk below the embedded member, in bytes. Its log takes the disk in pieces of 64 MiB, one ahead of need; a
// member that does not get one can never go on.
const (
	diskLow   = 512 << 20 // the disk is filling
	diskScant = 192 << 20 // timelines are not kept any more
	diskSpent = 128 << 20 // no further incidents are opened
	diskGone  = 96 << 20  // nothing is kept any more
)

// DiskScant says that the disk of the embedded member is nearly full.
func (s Space) DiskScant() bool { return s.hasDir && s.Free < diskScant }

// DiskLow says that the disk of the embedded member is filling.
func (s Space) DiskLow() bool { return s.hasDir && s.Free < diskLow }

// Bounds by which room is made.
const (
	shedAbove    = 0.90     // of the quota in use: the rest is kept for incidents and messages
	keepBelow    = 0.80     // of it: timelines are kept again
	openBelow    = 0.95     // of it, by size: from there on no further incidents are opened, so that those that are can be told
	reopenBelow  = 0.80     // of it, by size: then they are again, for what was accepted takes more room when it is told
	wastefulSize = 16 << 20 // bytes: a database below is not worth cleaning
)

// plan is what there is to do about the room.
type plan struct {
	compact    bool // forget old revisions
	defragment bool // give back what is deleted; the embedded member stands still meanwhile
	disarm     bool // take etcd's alarm back, when there is room again
	shed       bool // keep no timelines for now
}

// planFor decides by how full the state is, and whether timelines are shed and further incidents refused already.
func planFor(s Space, shedding, refusing bool) plan {
	shed := s.Alarm || s.DiskScant() || s.Full() >= shedAbove || (shedding && s.Full() >= keepBelow)
	hollow := s.Size-s.InUse > s.Size/50 // else it would stand still for nothing, again and again
	wasteful := s.Size > wastefulSize && s.Size > 2*s.InUse
	// What counts for the quota is the size, not what is in use of it.
	near := float64(s.Size) >= 0.7*float64(s.Quota) && float64(s.InUse) < 0.8*float64(s.Size)
	reopens := refusing && s.reaches(reopenBelow) && s.Full() < reopenBelow
	return plan{
		compact:    s.Alarm || near || s.Full() >= 0.6,
		defragment: s.hasDir && (hollow && s.Alarm || wasteful || near || reopens) && s.Free > s.InUse+diskGone,
		disarm:     s.hasDir && s.Alarm,
		shed:       shed,
	}
}

// Space measures how full the state is: against an external cluster that of the fullest member that answers.
func (c *Conn) Space(ctx context.Context) (Space, error) {
	var s Space
	endpoints := c.endpoints
	if c.Embedded() {
		endpoints = []string{""} // of this process
	}
	var failed error
	answered := false
	for _, endpoint := range endpoints {
		asking, cancel := context.WithTimeout(ctx, askWithin)
		status, err := c.client.Status(asking, endpoint)
		cancel()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		answered = true
		for _, said := range status.Errors {
			s.Alarm = s.Alarm || strings.Contains(said, etcdserverpb.AlarmType_NOSPACE.String())
		}
		if status.DbSize >= s.Size {
			s.Size, s.InUse, s.Quota = status.DbSize, status.DbSizeInUse, max(status.DbSizeQuota, 0)
			if s.Quota == 0 {
				s.Quota = defaultQuota // of a member that does not say
			}
			s.limit = s.Quota
		}
	}
	if !answered {
		return s, fmt.Errorf("ask etcd for its size: %w", failed)
	}
	if c.Embedded() {
		var err error
		s.hasDir, s.Quota = true, c.quota
		if s.Free, err = diskFree(c.dir); err != nil {
			return s, err
		}
	}
	c.room.Store(&s)
	return s, nil
}

// diskFree is how many bytes this user may still take of the disk that holds a folder.
func diskFree(dir string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("ask for the room on the disk of %q: %w", dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// Tend makes room where that is needed, and says how full the state is afterwards. It is for whoever leads, every second
// or two.
func (c *Conn) Tend(ctx context.Context) (Space, error) {
	s, err := c.Space(ctx)
	if err != nil {
		return s, err
	}
	p := planFor(s, c.shedding.Load(), c.refusing.Load())
	if p.compact {
		if err := c.compact(ctx); err != nil {
			return s, fmt.Errorf("make room in etcd: %w", err)
		}
		if s, err = c.Space(ctx); err != nil {
			return s, err
		}
		p = planFor(s, c.shedding.Load(), c.refusing.Load()) // what was forgotten is not in use any more
	}
	if p.defragment {
		err = c.server.Server.Backend().Defrag()
	}
	if p.disarm {
		err = errors.Join(err, c.disarm(ctx))
	}
	if err != nil {
		return s, fmt.Errorf("make room in etcd: %w", err)
	}
	if p.defragment || p.disarm {
		s, err = c.Space(ctx)
	}
	c.shedding.Store(planFor(s, c.shedding.Load(), c.refusing.Load()).shed)
	return s, err
}

// compact forgets all revisions but the present one. A router that led before, or somebody who tends the cluster, may have
// done so already.
func (c *Conn) compact(ctx context.Context) error {
	now, err := c.client.Get(ctx, record.LeaderKey, clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	if now.Header.Revision == c.compacted {
		return nil
	}
	_, err = c.client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	if errors.Is(err, rpctypes.ErrCompacted) {
		err = nil
	}
	if err == nil {
		c.compacted = now.Header.Revision
	}
	return err
}

// disarm takes the alarms back, when there is room again: etcd does not do so itself, and raises them anew at once when
// there is none.
func (c *Conn) disarm(ctx context.Context) error {
	s, err := c.Space(ctx)
	if err != nil || s.Size >= s.limit {
		return err
	}
	_, err = c.client.AlarmDisarm(ctx, &clientv3.AlarmMember{}) // all of them
	return err
}
