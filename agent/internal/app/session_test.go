package app

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/daemon"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/event"
)

// pipes is a listener whose connections are in memory: a bubble of synctest has no others.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, io.EOF
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// lists counts the lists that it is told.
type lists struct{ n atomic.Int64 }

func (l *lists) listed(context.Context, []docker.Summary)             { l.n.Add(1) }
func (*lists) present(context.Context, []docker.Container, time.Time) {}
func (*lists) happened(context.Context, docker.Event)                 {}
func (*lists) away(context.Context, error)                            {}

// Docker is asked for a list a minute, each of which is told, for itself every ten minutes, and for nothing else.
func TestTheListIsAskedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := newPipes()
		engine := newScriptedOn(t, over)
		engine.set("web", answer("web", `"Status":"running","Pid":1`))
		client := docker.NewOver(over.dial)
		log := testLog(t)
		told := &lists{}
		s := &session{
			client: client, table: docker.NewTable(), sink: told, log: log, trouble: daemon.NewCondition(log, "docker"),
			memory: newMemory("", time.Now(), durable, log), seen: event.NewSeen(),
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.run(ctx)
		}()
		const list = "/containers/json"
		for _, tt := range []struct {
			name  string
			after time.Duration // since the row before
			asked map[string]int
			told  int64 // lists
		}{
			{"at the beginning", 0, map[string]int{"/events": 1, "/info": 1, list: 1, "/containers/web/json": 1}, 0},
			{"within the first minute", time.Minute - time.Millisecond, map[string]int{}, 0},
			{"after it", time.Millisecond, map[string]int{list: 1}, 1},
			{"until the tenth", 9*time.Minute - time.Millisecond, map[string]int{list: 8}, 8},
			{"in the tenth", time.Millisecond, map[string]int{list: 1, "/info": 1}, 1},
			{"in the next ten", 10 * time.Minute, map[string]int{list: 10, "/info": 1}, 10},
			{"in an hour", time.Hour, map[string]int{list: 60, "/info": 6}, 60},
		} {
			time.Sleep(tt.after)
			synctest.Wait()
			if diff := cmp.Diff(tt.asked, engine.count()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
			if n := told.n.Swap(0); n != tt.told {
				t.Errorf("%s: found %d lists told, expected %d", tt.name, n, tt.told)
			}
		}
		cancel()
		<-ended
		client.Close()
	})
}
