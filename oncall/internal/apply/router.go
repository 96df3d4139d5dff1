package apply

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options say where a router is and how to ask it.
type Options struct {
	URL       string // such as https://nezuban.example.org
	Token     string // secret, of kind act
	CAFile    string // certificates to trust besides the system's; "" for none
	PlainHTTP bool   // the token may go to another machine without TLS
	Timeout   time.Duration
}

// Router asks one router.
type Router struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New makes a Router. It refuses a URL to which the token would go in the clear.
func New(o Options) (*Router, error) {
	base, err := url.Parse(o.URL)
	switch {
	case err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "":
		return nil, errors.New("--router: expected a URL like https://nezuban.example.org")
	case base.User != nil:
		return nil, errors.New("--router: expected a URL without user and password")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("--router: expected a URL without ? and #")
	case base.Scheme == "http" && !o.PlainHTTP && !isLoopback(base.Hostname()):
		return nil, fmt.Errorf("--router: %s would get the token in the clear: use https, or say --plain-http", base)
	}
	transport, err := transport(o.CAFile)
	if err != nil {
		return nil, err
	}
	return &Router{base: base, token: o.Token, http: &http.Client{
		Timeout: o.Timeout, Transport: transport,
		// A redirect would carry the token to a place that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.Unmap().IsLoopback())
}

// transport trusts the system's certificates and those in a file.
func transport(caFile string) (*http.Transport, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ExpectContinueTimeout: time.Second}
	if caFile == "" {
		return t, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without any trusts the file alone
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca: %s: expected certificates in PEM", caFile)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return t, nil
}

// maxToken bounds how much of a token file is read, in bytes.
const maxToken = 4096

// ReadTokenFile is the token in a file. One that its group or others may read is refused: whoever read it may act. The
// error never holds the token.
func ReadTokenFile(path string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("--token-file: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("--token-file: %s: not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("--token-file: %s: mode %04o lets others read it, run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken))
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token, err := Token(string(text))
	if err != nil {
		return "", fmt.Errorf("--token-file: %s: %w", path, err)
	}
	return token, nil
}

// Token is the one token in a text: printable ASCII without blanks.
func Token(text string) (string, error) {
	token := strings.TrimSpace(text)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", errors.New("expected one line with one token")
	}
	return token, nil
}
