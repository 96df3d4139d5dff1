package access

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Options say how a [Gate] decides. The zero value lets in nobody.
type Options struct {
	Tokens      []Token
	OpenIngest  bool     // requests from loopback may send samples and events without a token
	Hosts       []string // names, without port, under which this router is reached; localhost and IP addresses need not be named
	Secure      bool     // people reach the router by https: cookies are sent over nothing else
	Store       Store    // keeps sign-in links and sessions
	Now         func() time.Time
	LinkLife    time.Duration // how long an unused sign-in link is good; 0 means 15 minutes
	SessionLife time.Duration // how long a browser stays signed in; 0 means 24 hours
}

// Gate is the one place where requests are let in or refused. It is safe for concurrent use and never changes: new
// tokens mean a new Gate.
type Gate struct {
	opts        Options
	hosts       map[string]bool
	crossOrigin *http.CrossOriginProtection
}

// New builds a Gate. Store and Now must be set.
func New(opts Options) *Gate {
	if opts.LinkLife <= 0 {
		opts.LinkLife = 15 * time.Minute
	}
	if opts.SessionLife <= 0 {
		opts.SessionLife = 24 * time.Hour
	}
	g := &Gate{opts: opts, hosts: map[string]bool{"localhost": true}, crossOrigin: http.NewCrossOriginProtection()}
	for _, h := range opts.Hosts {
		g.hosts[canonicalHost(h)] = true
	}
	return g
}

// Caller is who a request comes from.
type Caller struct {
	Name string // of the token; "" for open ingest
	Kind Kind
}

type callerKey struct{}

// CallerOf is the caller whom [Gate.Require] let in; false when the request did not pass through it.
func CallerOf(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// Require lets requests through to next that bear a token of the kind, and answers all others 401 with one and the
// same body: whether the token was missing, unknown or of another kind is not said.
//
// Next on a sample's path: the handler that it wraps, for samples ingest.LineProtocol.
func (g *Gate) Require(kind Kind, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, ok := g.identify(r, kind)
		if !ok {
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	})
}

func (g *Gate) identify(r *http.Request, want Kind) (Caller, bool) {
	secret := headerSecret(r)
	if secret == "" && want == Ingest {
		// InfluxDB 1.x clients put the password into the URL; a secret in a URL ends up in logs, so nothing better
		// than an ingest token is taken from there.
		secret = r.URL.Query().Get("p")
	}
	if secret == "" {
		return Caller{Kind: Ingest}, want == Ingest && g.opts.OpenIngest && fromLoopback(r)
	}
	hash := HashOf(secret)
	var found Caller
	for _, t := range g.opts.Tokens { // no early end: the time taken says nothing about which token matched
		if t.Hash.equal(hash) && t.Kind.allows(want) {
			found = Caller{Name: t.Name, Kind: t.Kind}
		}
	}
	return found, found.Kind != ""
}

// headerSecret is the secret in the Authorization header: `Bearer SECRET`, InfluxDB 2's `Token SECRET`, InfluxDB 1.8's
// `Token user:SECRET`, or the password of `Basic`; "" when there is none.
func headerSecret(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return secret
	case strings.EqualFold(scheme, "Token"):
		return secret[strings.LastIndexByte(secret, ':')+1:]
	}
	return ""
}

// fromLoopback reports whether the request was made on this machine. What a proxy passes on was not, whatever address
// the proxy itself has.
func fromLoopback(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// unauthorized answers in the JSON that InfluxDB's clients read, which does for everybody else as well.
func unauthorized(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("WWW-Authenticate", `Bearer realm="nezuban"`)
	w.WriteHeader(http.StatusUnauthorized)
	io.WriteString(w, `{"code":"unauthorized","message":"unauthorized access"}`+"\n") //nolint:errcheck // the client is gone
}
