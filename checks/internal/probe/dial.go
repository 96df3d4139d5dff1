package probe

import (
	"context"
	"net"
)

// boundDialer makes connections that end with the request they were made for. The transport gives a dial a context
// that outlives the request, in the hope of another one; a target that accepts and then says nothing, in the middle of
// a handshake, would hold a goroutine and a descriptor of ours for each request, for ever.
type boundDialer struct{ dialer net.Dialer }

// boundKey is the key of the request's own context among the values of the one that the transport makes of it.
type boundKey struct{}

// binding is ctx for a request whose connections are to end with ctx.
func binding(ctx context.Context) context.Context {
	return context.WithValue(ctx, boundKey{}, ctx)
}

func (d *boundDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if bound, ok := ctx.Value(boundKey{}).(context.Context); ok {
		ctx = bound
	}
	conn, err := d.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}
