// Package transport is how the daemons reach the servers that an operator names: whom they trust there, which certificate they
// show, and through which proxy.
//
// Package influx sends by it, and the checks get their file by it. It knows nothing of what it carries, and tells nobody a secret.
package transport

import (
	"errors"
	"log/slog"
	"net/url"

	"nezuban/agent/tlsfile"
)

// Options say how a server is reached. The zero value is as net/http has it: the system's authorities, no certificate, the proxy
// of the environment.
type Options struct {
	CAFile      string       // PEM: the authorities that are trusted, and no others; empty: the system's
	Certificate tlsfile.Pair // shown to a server that asks for one; zero: none
	ServerName  string       // that the server's certificate must be for; empty: the host of the URL
	Proxy       string       // URL as ParseProxy takes it, a secret when it has a password; empty: HTTP_PROXY, HTTPS_PROXY and NO_PROXY say
}

// String is the options without the proxy's user and password.
func (o Options) String() string {
	proxy := ""
	if u, err := ParseProxy(o.Proxy); o.Proxy != "" && err == nil {
		proxy = u.Scheme + "://" + u.Host
	}
	return "{" + o.CAFile + " " + o.Certificate.Cert + " " + o.ServerName + " " + proxy + "}"
}

// GoString is String, for %#v.
func (o Options) GoString() string { return o.String() }

// LogValue is String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// files says that something is read from files, which may change.
func (o Options) files() bool { return o.CAFile != "" || o.Certificate != tlsfile.Pair{} }

// errProxy does not repeat what was found: it may hold a password.
var errProxy = errors.New("expected the URL of a proxy like http://proxy.example.org:3128, with http, https, socks5 or socks5h")

// ParseProxy reads the URL of a proxy. Errors hold nothing of the text.
func ParseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errProxy
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return u, nil
	default:
		return nil, errProxy
	}
}
