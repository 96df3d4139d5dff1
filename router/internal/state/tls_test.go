package state

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.issue("ca")
	return a
}

// issue writes NAME.pem and NAME-key.pem; the first one is the authority's own.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	fail := func(err error) {
		if err != nil {
			a.t.Fatal(err)
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	a.last++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.last), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
		parent, signer = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
	fail(err)
	if a.cert == nil {
		a.cert, err = x509.ParseCertificate(der)
		fail(err)
		a.key = private
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	fail(err)
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+"-key.pem")
	fail(os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	fail(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

// client is the settings of a router with a certificate of this authority, or without one.
func (a *authority) client(name string) *tls.Config {
	a.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	c := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.issue(name))
		if err != nil {
			a.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

func TestAClusterThatAsksForCertificatesAndAPassword(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("server")
	cluster := testenv.Etcd(t, 3, "-cert", cert, "-key", key, "-ca", filepath.Join(ca.dir, "ca.pem"), "-root-password", "secret")
	foreign := newAuthority(t)
	tests := []struct {
		name           string
		tls            *tls.Config
		user, password string
		want           string
	}{
		{"everything right", ca.client("router"), "root", "secret", ""},
		{"a wrong password", ca.client("router"), "root", "guess", "does not know this user with this password"},
		{"no certificate", ca.client(""), "root", "secret", "the certificates do not fit"},
		{"a foreign authority", foreign.client("router"), "root", "secret", "the certificates do not fit"},
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
				within(t, 10*time.Second, lead(t, c, candidate("a", 0)))
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Errorf("found %v, want %q", err, tt.want)
			case strings.Contains(err.Error(), "i/o timeout"):
				t.Errorf("members that answer are said not to: %v", err)
			}
		})
	}
}
