package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Guard refuses what a foreign web page may have made somebody's browser send: a request for a host name that is not
// this router's (a name that its owner points at 127.0.0.1), and a request other than GET, HEAD or OPTIONS from another
// origin. It stands before every other handler. The answer is 403 and names neither reason.
func (g *Gate) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.ownHost(r.Host) || g.crossOrigin.Check(r) != nil {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownHost reports whether the Host header names this router. An IP address always does: a foreign name cannot be
// made to look like one.
func (g *Gate) ownHost(hostport string) bool {
	host := canonicalHost(hostport)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return g.hosts[host]
}

// canonicalHost is the host without port, brackets and final dot, in lower case.
func canonicalHost(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
