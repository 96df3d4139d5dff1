package state

import (
	"crypto/tls"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

// client is the settings of a router with a certificate of this authority, or without one.
func client(t *testing.T, a *testenv.Authority, name string) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: a.Pool(), MinVersion: tls.VersionTLS12}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.Issue(name))
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

func TestAClusterThatAsksForCertificatesAndAPassword(t *testing.T) {
	ca := testenv.NewAuthority(t)
	cert, key := ca.Issue("server")
	cluster := testenv.Etcd(t, 3, "-cert", cert, "-key", key, "-ca", ca.File, "-root-password", "secret")
	foreign := testenv.NewAuthority(t)
	tests := []struct {
		name           string
		tls            *tls.Config
		user, password string
		want           string
	}{
		{"everything right", client(t, ca, "router"), "root", "secret", ""},
		{"a wrong password", client(t, ca, "router"), "root", "guess", "does not know this user with this password"},
		{"no certificate", client(t, ca, ""), "root", "secret", "the certificates do not fit"},
		{"a foreign authority", client(t, foreign, "router"), "root", "secret", "the certificates do not fit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Connect(t.Context(), Options{Endpoints: cluster.Endpoints, TLS: tt.tls, Username: tt.user, Password: tt.password})
			if err == nil {
				defer c.Close()
			}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "":
				leads(t, lead(t, c, candidate("a", 0)))
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Errorf("found %v, want %q", err, tt.want)
			case strings.Contains(err.Error(), "i/o timeout"):
				t.Errorf("members that answer are said not to: %v", err)
			}
		})
	}
}
