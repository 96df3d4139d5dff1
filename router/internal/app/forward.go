package app

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/access"
	"nezuban/router/internal/state"
)

// forwardedBy is the header with which a router passes a request on. One that bears it is never passed on again: two
// routers that each believe that the other leads would send it round and round.
const forwardedBy = "Nezuban-Forwarded-By"

// forwarder passes requests on to the leader and relays its answers. It is safe for concurrent use.
type forwarder struct {
	own     string // URL of this router, as others reach it
	leader  func() (state.Leader, bool)
	refused func() // is told of each report that was sent away
	way     *way
	proxy   *httputil.ReverseProxy
	client  *http.Transport
}

// Times of a request that is passed on.
const (
	forwardDialWithin   = 2 * time.Second
	forwardAnswerWithin = 30 * time.Second
	retryForwarded      = "2" // seconds: by then another router may lead
)

func newForwarder(own string, leader func() (state.Leader, bool), refused func(), d *daemon.Daemon) *forwarder {
	f := &forwarder{own: own, leader: leader, refused: refused}
	f.client = &http.Transport{
		DialContext: (&net.Dialer{Timeout: forwardDialWithin}).DialContext, TLSHandshakeTimeout: forwardDialWithin,
		ResponseHeaderTimeout: forwardAnswerWithin, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
	}
	f.way = newWay(f.client, d)
	f.proxy = &httputil.ReverseProxy{
		Transport: f.client, Rewrite: f.rewrite, ErrorLog: log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // else the sender is gone
				f.way.refused(time.Now(), err)
			}
			f.unavailable(w, r, "this router cannot reach the one that leads, its log says why: send it again")
		},
	}
	return f
}

func (f *forwarder) close() { f.client.CloseIdleConnections() }

// ServeHTTP passes a request on, unless that was done already or nobody leads: 503 then.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	leader, ok := f.leader()
	switch {
	case r.Header.Get(forwardedBy) != "":
		f.unavailable(w, r, "this router does not lead: send it again")
	case ok && twin(leader, f.own) != nil:
		f.unavailable(w, r, twin(leader, f.own).Error())
	case !ok || leader.URL == "" || leader.URL == f.own:
		f.unavailable(w, r, "no router leads now: send it again")
	default:
		f.proxy.ServeHTTP(w, r)
	}
}

// rewrite addresses a request to the leader. It was guarded here, by the host and origin that the sender knows: the leader
// sees its own host. What looks as if it came from its own machine did not.
func (f *forwarder) rewrite(p *httputil.ProxyRequest) {
	leader, _ := f.leader()
	to, err := url.Parse(leader.URL)
	if err != nil {
		to = &url.URL{} // fails at once
	}
	p.SetURL(to)
	p.SetXForwarded()
	p.Out.Header.Set(forwardedBy, f.own)
	p.Out.Header.Del("Origin")
	p.Out.Header.Del("Sec-Fetch-Site")
}

// unavailable answers that nothing was taken, in the JSON that InfluxDB's clients read.
func (f *forwarder) unavailable(w http.ResponseWriter, r *http.Request, message string) {
	if r.Method == http.MethodPost {
		f.refused()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", retryForwarded)
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "unavailable", "message": message}) // the client is gone
}

// bearing lets a request through to next with a token: what this machine may send without one is passed on with this
// router's own, for the leader does not know this machine.
func bearing(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if caller, ok := access.CallerOf(r.Context()); ok && caller.Name == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		next.ServeHTTP(w, r)
	})
}
