package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// writePair writes a certificate with its key, as PATH.crt and PATH.key.
func writePair(path string, from, until time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	err = os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
	return errors.Join(err, os.WriteFile(path+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
}

// certificate makes one that is good for so long, with its key: certificate NAME 720h.
func certificate(ts *testscript.TestScript, _ bool, args []string) {
	length, err := time.ParseDuration(args[1])
	ts.Check(err)
	now := time.Now()
	ts.Check(writePair(ts.MkAbs(args[0]), now.Add(-time.Hour), now.Add(length)))
}

func TestCheckConfigNamesCertificates(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, from := range map[string]time.Duration{"good": -time.Hour, "over": -3 * time.Hour, "early": time.Hour} {
		if err := writePair(filepath.Join(dir, name), now.Add(from), now.Add(from+2*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"oncall.toml":   "zone = \"UTC\"\n[people]\nalice = { page = [\"terminal\"] }\n[schedule.s]\nlayers = [{ name = \"base\", every = \"1w\", from = \"2026-01-05 09:00\", who = [\"alice\"] }]\n[policy.standard]\nsteps = [{ page = \"s\", wait = \"5m\" }]\nfallback = \"alice\"\n[[route]]\npolicy = \"standard\"\n",
		"contacts.toml": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ name, cert, key, want string }{
		{"good", "good.crt", "good.key", ""},
		{"over", "over.crt", "over.key", `router.toml:1: tls_cert: found "over.crt", which was good until `},
		{"not yet good", "early.crt", "early.key", `router.toml:1: tls_cert: found "early.crt", which is good from `},
		{"another one's key", "good.crt", "over.key", `router.toml:1: tls_cert: found "good.crt", expected a certificate that can be used: `},
		{"gone", "gone.crt", "good.key", `router.toml:1: tls_cert: found "gone.crt", expected a certificate that can be used: read `},
		{"no certificate", "good.key", "good.key", `router.toml:1: tls_cert: found "good.key", expected a certificate that can be used: `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, "router.toml")
			if err := os.WriteFile(path, []byte("tls_cert = \""+tt.cert+"\"\ntls_key = \""+tt.key+"\"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, said bytes.Buffer
			code := run([]string{"check-config", "-config", path}, &out, &said)
			if tt.want == "" && code != 0 || tt.want != "" && (code != exitFailed || !strings.Contains(said.String(), tt.want)) || strings.Contains(said.String(), "PRIVATE") {
				t.Errorf("code %d, said %s, want %q", code, said.String(), tt.want)
			}
		})
	}
}
