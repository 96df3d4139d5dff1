package state

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"nezuban/router/internal/state/record"
)

// Options say where the state is: in the folder of an embedded member, or in an external cluster.
type Options struct {
	Dir        string // of the embedded member; not looked at when there are Endpoints
	QuotaBytes int64  // that the embedded member may take; 0: 2 GiB

	Endpoints []string    // URLs of an external cluster's members
	TLS       *tls.Config // for https endpoints; nil: the system's authorities, and no certificate of our own
	Username  string      // "": the cluster asks for none
	Password  string      // secret
}

// Conn is the way to etcd: the embedded member of this process, or an external cluster. It is safe for concurrent use.
type Conn struct {
	client    *clientv3.Client
	server    *embed.Etcd // nil against an external cluster
	endpoints []string
	dir       string                 // of the embedded member
	quota     int64                  // bytes: of the embedded member
	leader    atomic.Pointer[Leader] // as last seen; nil: nobody leads
	clock     clock
	stands    atomic.Bool   // the embedded member stands still: it would never end
	broken    chan error    // holds why the embedded member cannot go on
	shedding  atomic.Bool   // timelines are not kept for now
	refusing  atomic.Bool   // no further incidents are opened for now
	full      chan struct{} // holds a token when a write found no room
	room      atomic.Pointer[Space]
	compacted int64         // revision; only Tend's caller uses it
	patience  time.Duration // for somebody else to lead, when the clock is wrong
	lease     time.Duration // after which a term of this process is over when it is not heard of
	close     sync.Once
}

// Times of the client of an external cluster.
const (
	dialWithin      = 5 * time.Second
	reconnectWithin = 2 * time.Second // longest pause between two tries to reach a member
	probeEvery      = 5 * time.Second // a connection without an answer; etcd refuses to be asked more often
	probeWithin     = 2 * time.Second
	maxMessageBytes = 64 << 20 // of one answer: a page of the largest records
)

// reconnect lets a connection come back soon after its member is: by itself the client would pause for up to 2 min.
func reconnect() grpc.ConnectParams {
	pauses := backoff.DefaultConfig
	pauses.MaxDelay = reconnectWithin
	return grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: dialWithin}
}

// Connect starts the embedded member, or finds the external cluster and makes sure that it lets this router in. It gives up
// after 30 s; the error names the endpoints and what to do.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	c := &Conn{endpoints: o.Endpoints, dir: o.Dir, quota: cmp.Or(o.QuotaBytes, defaultQuota), broken: make(chan error, 1), full: make(chan struct{}, 1), patience: lastResort, lease: leaseTTL}
	var err error
	if len(o.Endpoints) == 0 {
		c.server, c.client, err = startEmbedded(ctx, o.Dir, c.quota, c.fatal)
		if err != nil {
			return nil, err
		}
		if _, err := c.Tend(ctx); err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	}
	c.client, err = clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, TLS: o.TLS, Username: o.Username, Password: o.Password, Logger: zap.NewNop(),
		DialTimeout: dialWithin, DialKeepAliveTime: probeEvery, DialKeepAliveTimeout: probeWithin, PermitWithoutStream: true,
		MaxCallRecvMsgSize: maxMessageBytes, DialOptions: []grpc.DialOption{grpc.WithConnectParams(reconnect())},
	})
	if err != nil {
		return nil, c.explain(errors.Join(err, probe(ctx, o)))
	}
	asking, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if _, err := c.client.Get(asking, record.LeaderKey); err != nil {
		_ = c.client.Close() // nothing was sent that matters
		return nil, c.explain(errors.Join(err, probe(ctx, o)))
	}
	return c, nil
}

// fatal notes why the embedded member cannot go on.
func (c *Conn) fatal(err error) {
	c.stands.Store(true)
	select {
	case c.broken <- err:
	default: // what came first is why
	}
}

// Broken receives why the embedded member cannot go on, if that happens: the process can only be ended then.
func (c *Conn) Broken() <-chan error { return c.broken }

// Full receives when a write has found no room: [Conn.Tend] is not to be waited for then.
func (c *Conn) Full() <-chan struct{} { return c.full }

// Embedded says that the state is this process's own.
func (c *Conn) Embedded() bool { return c.server != nil }

// Close ends the client and the embedded member.
func (c *Conn) Close() {
	c.close.Do(func() {
		_ = c.client.Close() // what was answered is on disk
		if c.server != nil && !c.stands.Load() {
			c.server.Close()
		}
	})
}

// reader is a store that writes nothing.
func (c *Conn) reader() *Store { return c.store(context.Background(), 0) }

// probe says why no connection to a member comes about, which the client itself does not: it only says that it took too long.
// Each member has probeWithin of its own, all at the same time. Nil when each lets this router connect.
func probe(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	found := make([]error, len(o.Endpoints)) // in the order of the settings
	var looking sync.WaitGroup
	for i, endpoint := range o.Endpoints {
		looking.Go(func() {
			if err := probeMember(ctx, endpoint, o.TLS); err != nil {
				found[i] = fmt.Errorf("%s: %w", endpoint, err)
			}
		})
	}
	looking.Wait()
	return errors.Join(found...)
}

// probeMember says why no connection to one member comes about until ctx ends, which must have a deadline; nil when one does.
func probeMember(ctx context.Context, endpoint string, settings *tls.Config) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", u.Host)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	}
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing was sent
	// A certificate of ours that is refused is refused after the handshake. A member that is content says its settings, or
	// waits for ours.
	deadline, _ := ctx.Deadline()
	if err := conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// explain says what an operator can do about an external cluster that does not let this router in.
func (c *Conn) explain(err error) error {
	at := strings.Join(c.endpoints, ", ")
	hint := "expected an etcd cluster of which a majority answers"
	switch {
	case errors.Is(err, rpctypes.ErrUserEmpty):
		hint = "it asks who this is: set etcd.username and etcd.password_file"
	case errors.Is(err, rpctypes.ErrAuthFailed):
		hint = "it does not know this user with this password: see etcd.username and etcd.password_file"
	case errors.Is(err, rpctypes.ErrAuthNotEnabled):
		hint = "it has no users: leave etcd.username out, or run etcdctl auth enable"
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		hint = "its user needs a role with readwrite on the prefix " + record.Prefix
	case strings.Contains(err.Error(), "tls: "), strings.Contains(err.Error(), "x509: "):
		hint = "the certificates do not fit: see etcd.ca_file, etcd.cert_file and etcd.key_file"
	}
	return fmt.Errorf("connect to etcd at %s: %s: %w", at, hint, err)
}
