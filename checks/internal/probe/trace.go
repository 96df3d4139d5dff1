package probe

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"

	"nezuban/checks/check"
)

// trace notes when each phase of a request began and ended. The transport calls its hooks from several goroutines,
// some of them after the request has been given up.
type trace struct {
	now   func() time.Time
	start time.Time

	mu                         sync.Mutex
	dnsStart, dnsEnd           time.Time
	connectStart, connectEnd   time.Time // of the first address tried, of the one that answered
	tlsStart, tlsEnd           time.Time
	ready, firstByte, transfer time.Time
	outside                    bool // an address failed, and not by a failure of our own
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { t.first(&t.dnsStart) },
		DNSDone:              func(info httptrace.DNSDoneInfo) { t.ended(&t.dnsEnd, info.Err) },
		ConnectStart:         func(string, string) { t.first(&t.connectStart) },
		ConnectDone:          func(_, _ string, err error) { t.connected(err) },
		TLSHandshakeStart:    func() { t.first(&t.tlsStart) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { t.ended(&t.tlsEnd, err) },
		GotConn:              func(httptrace.GotConnInfo) { t.first(&t.ready) },
		GotFirstResponseByte: func() { t.first(&t.firstByte) },
	}
}

// first notes now as the time of what happens more than once, such as the start of a connect per address.
func (t *trace) first(at *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.IsZero() {
		*at = t.now()
	}
}

// ended notes the end of a phase that went well.
func (t *trace) ended(at *time.Time, err error) {
	if err == nil {
		t.first(at)
	}
}

func (t *trace) connected(err error) {
	t.ended(&t.connectEnd, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outside = t.outside || err != nil && !ownFailure(err)
}

func (t *trace) end() { t.first(&t.transfer) }

// phases are the phases that ended.
func (t *trace) phases() check.Phases {
	t.mu.Lock()
	defer t.mu.Unlock()
	return check.Phases{
		DNS:       between(t.dnsStart, t.dnsEnd),
		Connect:   between(t.connectStart, t.connectEnd),
		TLS:       between(t.tlsStart, t.tlsEnd),
		FirstByte: between(t.ready, t.firstByte),
		Transfer:  between(t.firstByte, t.transfer),
	}
}

// between is zero unless both ends are known.
func between(start, end time.Time) time.Duration {
	if start.IsZero() || end.IsZero() {
		return 0
	}
	return max(end.Sub(start), 0)
}

// phase is one step of a request that may never end.
type phase string

const (
	lookingUp  phase = "looking up the address"
	connecting phase = "connecting"
	handshake  phase = "in the TLS handshake"
	waiting    phase = "waiting for the response"
)

// reached is the phase that the request is in, or was given up in.
func (t *trace) reached() phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.ready.IsZero():
		return waiting
	case !t.tlsStart.IsZero():
		return handshake
	case !t.dnsStart.IsZero() && t.dnsEnd.IsZero():
		return lookingUp
	default:
		return connecting
	}
}

// outsideFailed reports whether an address failed for a reason that is not this location's.
func (t *trace) outsideFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outside
}
