package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

// pemPair is a certificate that signed itself, with its key, in PEM.
type pemPair struct{ cert, key string }

var onceCertificate = sync.OnceValues(func() (pemPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pemPair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pemPair{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pemPair{}, err
	}
	return pemPair{
		cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		key:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}, nil
})

func testCertificate(t *testing.T) pemPair {
	t.Helper()
	c, err := onceCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClusterSettings(t *testing.T) {
	beside := map[string]string{"pw": "hunter2\n", "cert": testCertificate(t).cert, "key": testCertificate(t).key, "bad": "no PEM"}
	const advertise = "advertise = \"http://router1:17070/\"\n"
	for name, tt := range map[string]struct{ text, want string }{
		"plain":                      {advertise + "[etcd]\nendpoints = [\"http://etcd1:2379\"]\n", ""},
		"encrypted, with everything": {advertise + "[etcd]\nendpoints = [\"https://etcd1:2379\"]\nca_file = \"cert\"\ncert_file = \"cert\"\nkey_file = \"key\"\nusername = \"n\"\npassword_file = \"pw\"\n", ""},
		"not advertised":             {"[etcd]\nendpoints = [\"http://etcd1:2379\"]\n", "router.toml:1: advertise: found nothing, expected a URL like"},
		"alone":                      {advertise, "advertise: found \"http://router1:17070/\", expected nothing"},
		"no endpoint":                {advertise + "[etcd]\nendpoints = []\n", "etcd.endpoints: found an empty list, expected the URLs of etcd's members"},
		"an address":                 {advertise + "[etcd]\nendpoints = [\"etcd1:2379\"]\n", "etcd.endpoints[0]: found \"etcd1:2379\", expected a URL like"},
		"mixed":                      {advertise + "[etcd]\nendpoints = [\"http://etcd1:2379\", \"https://etcd2:2379\"]\n", "etcd.endpoints[1]"},
		"certificates over http":     {advertise + "[etcd]\nendpoints = [\"http://etcd1:2379\"]\nca_file = \"cert\"\n", "etcd.ca_file: found \"cert\", expected no certificates"},
		"no authority":               {advertise + "[etcd]\nendpoints = [\"https://etcd1:2379\"]\nca_file = \"bad\"\n", "etcd.ca_file: found \"bad\""},
		"half a certificate":         {advertise + "[etcd]\nendpoints = [\"https://etcd1:2379\"]\ncert_file = \"cert\"\n", "etcd.key_file: found nothing, expected cert_file and key_file together"},
		"a key of something else":    {advertise + "[etcd]\nendpoints = [\"https://etcd1:2379\"]\ncert_file = \"cert\"\nkey_file = \"bad\"\n", "etcd.cert_file: found \"cert\""},
		"a password of nobody":       {advertise + "[etcd]\nendpoints = [\"http://etcd1:2379\"]\npassword_file = \"pw\"\n", "etcd.username: found nothing, expected the user"},
		"a user without a password":  {advertise + "[etcd]\nendpoints = [\"http://etcd1:2379\"]\nusername = \"n\"\n", "etcd.password_file"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(writeConfig(t, tt.text, beside), noEnv)
			switch {
			case tt.want == "" && (err != nil || cfg.Advertise != "http://router1:17070" || len(cfg.etcd.Endpoints) != 1):
				t.Errorf("found %+v, %v", cfg.etcd, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2")):
				t.Errorf("found %v, want %q", err, tt.want)
			}
		})
	}
}
