package app

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"nezuban/agent/tlsfile"
	"nezuban/router/internal/state"
)

// Bounds of what the embedded etcd may take, in bytes: below, its own overhead fills it; above, etcd warns of slow starts.
const (
	minState = 16 << 20
	maxState = 8 << 30
)

// etcdSettings is [etcd]; without it the router keeps its state itself.
type etcdSettings struct {
	Endpoints    []string `toml:"endpoints"`
	CAFile       string   `toml:"ca_file"`
	CertFile     string   `toml:"cert_file"`
	KeyFile      string   `toml:"key_file"`
	Username     string   `toml:"username"`
	PasswordFile string   `toml:"password_file"`
}

// cluster checks the external cluster, and how routers on it reach each other.
func (l *loader) cluster(cfg *Config, s settings) {
	if s.MaxState != nil {
		cfg.etcd.QuotaBytes = *s.MaxState
		if *s.MaxState < minState || *s.MaxState > maxState {
			l.Wrong(*s.MaxState, "a number of bytes from 16777216 to 8589934592, or nothing for 2147483648", "state_max_bytes")
		}
	}
	cfg.Advertise = strings.TrimRight(s.Advertise, "/")
	if !l.has("etcd") {
		if s.Advertise != "" {
			l.Wrong(s.Advertise, "nothing: a router without [etcd] is alone", "advertise")
		}
		return
	}
	if s.MaxState != nil {
		l.Wrong(*s.MaxState, "nothing: the external cluster has its own quota", "state_max_bytes")
	}
	if !webURL(cfg.Advertise) {
		l.needed(s.Advertise, `a URL like "http://router1.internal:17070" under which the other routers reach this one`, []any{"etcd"}, "advertise")
	}
	cfg.etcd.Endpoints = s.Etcd.Endpoints
	if len(s.Etcd.Endpoints) == 0 {
		l.Wrong([]any{}, "the URLs of etcd's members", "etcd", "endpoints")
	}
	secure := l.endpoints(s.Etcd.Endpoints)
	if s.Etcd.Username != "" {
		cfg.etcd.Username, cfg.etcd.Password = s.Etcd.Username, l.Secret(s.Etcd.PasswordFile, "etcd", "password_file")
	} else if s.Etcd.PasswordFile != "" {
		l.Wrong(nil, "the user whose password it is", "etcd", "username")
	}
	for key, file := range map[string]string{"ca_file": s.Etcd.CAFile, "cert_file": s.Etcd.CertFile, "key_file": s.Etcd.KeyFile} {
		if file != "" && !secure {
			l.Wrong(file, "no certificates, because the endpoints are not https", "etcd", key)
		}
	}
	if secure {
		cfg.etcd.TLS, cfg.etcdPair = l.etcdTLS(s.Etcd)
	}
}

// endpoints checks the URLs of members, which must agree on whether they are encrypted; that is the result.
func (l *loader) endpoints(endpoints []string) (secure bool) {
	for i, text := range endpoints {
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Port() == "" || u.Path != "" {
			l.Wrong(text, `a URL like "https://etcd1.internal:2379"`, "etcd", "endpoints", i)
			continue
		}
		if i == 0 {
			secure = u.Scheme == "https"
		} else if secure != (u.Scheme == "https") {
			l.Wrong(text, "https for all members, or for none", "etcd", "endpoints", i)
		}
	}
	return secure
}

// etcdTLS reads the authority, and makes sure that the certificate loads; it is read again for each connection, so that
// one that was renewed needs no restart.
func (l *loader) etcdTLS(s etcdSettings) (*tls.Config, *tlsfile.Pair) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		text, err := os.ReadFile(l.Path(s.CAFile))
		c.RootCAs = x509.NewCertPool()
		if err != nil || !c.RootCAs.AppendCertsFromPEM(text) {
			l.Wrong(s.CAFile, "a file with the authority's certificate in PEM", "etcd", "ca_file")
		}
	}
	if s.CertFile == "" && s.KeyFile == "" {
		return c, nil
	}
	if s.CertFile == "" || s.KeyFile == "" {
		l.Wrong(nil, "cert_file and key_file together", "etcd", map[bool]string{true: "cert_file", false: "key_file"}[s.CertFile == ""])
		return c, nil
	}
	files := &tlsfile.Pair{Cert: l.Path(s.CertFile), Key: l.Path(s.KeyFile)}
	l.usable(files, s.CertFile, "etcd", "cert_file")
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		return &pair, err
	}
	return c, files
}

// stateOptions say where the state is.
func (c Config) stateOptions() state.Options {
	o := c.etcd
	o.Dir = filepath.Join(c.StateDir, etcdDir)
	return o
}

// hosts are the names under which people and other routers reach this one.
func (c Config) hosts() []string {
	hosts := []string{c.publicHost()}
	if u, err := url.Parse(c.Advertise); err == nil && u.Hostname() != "" {
		hosts = append(hosts, u.Hostname())
	}
	return hosts
}
