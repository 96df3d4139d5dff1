package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/agent/daemon"
)

// pair writes a certificate of that serial number and its key.
func pair(t *testing.T, files keyPair, serial int64, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "ack.example.org"}, DNSNames: []string{"ack.example.org"},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.cert: {Type: "CERTIFICATE", Bytes: cert}, files.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	files := keyPair{filepath.Join(dir, "cert"), filepath.Join(dir, "key")}
	other := keyPair{filepath.Join(dir, "other"), filepath.Join(dir, "other.key")}
	tomorrow := time.Now().Add(24 * time.Hour)
	pair(t, files, 1, tomorrow)
	pair(t, other, 9, tomorrow)
	var said strings.Builder
	c, err := newCertificate(files, time.Now, daemon.NewCondition(slog.New(slog.NewTextHandler(&said, nil)), "certificate"))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := c.listener(ln)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := serving.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).HandshakeContext(t.Context()) // a refused one is the client's to tell
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = serving.Close(); <-done })

	overwrite := func(to, from string) {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name   string
		change func()
		serial int64
		says   string
	}{
		{"as at the start", func() {}, 1, ""},
		{"another", func() { pair(t, files, 2, tomorrow) }, 2, ""},
		{"a key of another one", func() { overwrite(files.key, other.key) }, 2, "private key does not match"},
		{"no certificate at all", func() { overwrite(files.cert, "certificate_test.go") }, 2, "expected a good one"},
		{"one that is over", func() { pair(t, files, 3, time.Now().Add(-time.Hour)) }, 2, "was good until"},
		{"no file", func() { _ = os.Remove(files.cert) }, 2, "no such file"},
		{"a good one again", func() { pair(t, files, 4, tomorrow) }, 4, "trouble is over"},
	} {
		said.Reset()
		row.change()
		c.look()
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // signed by itself; its serial number is looked at
		conn, err := dialer.DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		shown := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
		_ = conn.Close()
		if shown != row.serial || !strings.Contains(said.String(), row.says) || strings.Contains(said.String(), "PRIVATE") {
			t.Errorf("%s: shows %d, want %d; said %q, want %q", row.name, shown, row.serial, said.String(), row.says)
		}
	}
	pair(t, files, 5, time.Now().Add(-time.Hour))
	said.Reset()
	if late, err := newCertificate(files, time.Now, daemon.NewCondition(slog.New(slog.NewTextHandler(&said, nil)), "certificate")); err != nil || late.held.Load() == nil || !strings.Contains(said.String(), "was good until") {
		t.Errorf("with one that is over: %v, said %q, want a start", err, said.String())
	}
	if _, err := newCertificate(keyPair{files.cert, other.key}, time.Now, nil); err == nil {
		t.Error("started with a key of another certificate")
	}
}
