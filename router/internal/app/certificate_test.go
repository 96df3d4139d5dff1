package app

import (
	"context"
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
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/tlsfile"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
)

// pair writes a certificate of that serial number and its key.
func pair(t *testing.T, files tlsfile.Pair, serial int64, until time.Time) {
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
	for path, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: cert}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	files := tlsfile.Pair{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	other := tlsfile.Pair{Cert: filepath.Join(dir, "other"), Key: filepath.Join(dir, "other.key")}
	tomorrow := time.Now().Add(24 * time.Hour)
	pair(t, files, 1, tomorrow)
	pair(t, other, 9, tomorrow)
	var said strings.Builder
	trouble := daemon.NewCondition(slog.New(slog.NewTextHandler(&said, nil)), "certificate")
	c := certificate{&tlsfile.Certificate{Pair: files, Effect: shownStays, Now: time.Now, Trouble: trouble}}
	if err := c.Begin(); err != nil {
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
		{"a key of another one", func() { overwrite(files.Key, other.Key) }, 2, ""},
		{"whose certificate follows", func() { overwrite(files.Cert, other.Cert) }, 9, ""},
		{"a certificate of another one", func() { pair(t, tlsfile.Pair{Cert: files.Cert, Key: other.Key}, 8, tomorrow) }, 9, ""},
		{"whose key does not follow", func() {}, 9, "private key does not match"},
		{"no certificate at all", func() { overwrite(files.Cert, "certificate_test.go") }, 9, "what the listener shows stays as it is"},
		{"one that is over", func() { pair(t, files, 3, time.Now().Add(-time.Hour)) }, 9, "was good until"},
		{"one that is not good yet", func() { pair(t, files, 6, time.Now().Add(72*time.Hour)) }, 9, "is good from"},
		{"no file", func() { _ = os.Remove(files.Cert) }, 9, "no such file"},
		{"a good one again", func() { pair(t, files, 4, tomorrow) }, 4, "trouble is over"},
	} {
		said.Reset()
		row.change()
		c.Look()
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // signed by itself; its serial number is looked at
		conn, err := dialer.DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		shown := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
		_ = conn.Close()
		if shown != row.serial || (row.says == "") != (said.Len() == 0) || !strings.Contains(said.String(), row.says) || strings.Contains(said.String(), "PRIVATE") {
			t.Errorf("%s: shows %d, want %d; said %q, want %q", row.name, shown, row.serial, said.String(), row.says)
		}
	}
	for name, until := range map[string]time.Duration{"was good until": -time.Hour, "is good from": 72 * time.Hour} {
		pair(t, files, 5, time.Now().Add(until))
		said.Reset()
		late := &tlsfile.Certificate{Pair: files, Now: time.Now, Trouble: daemon.NewCondition(slog.New(slog.NewTextHandler(&said, nil)), "certificate")}
		if err := late.Begin(); err != nil || late.Held() == nil || !strings.Contains(said.String(), name) {
			t.Errorf("with one that %s: %v, said %q, want a start", name, err, said.String())
		}
	}
	if err := (&tlsfile.Certificate{Pair: tlsfile.Pair{Cert: files.Cert, Key: other.Key}, Now: time.Now}).Begin(); err == nil {
		t.Error("started with a key of another certificate")
	}
}

// What is wrong with a certificate's files is a ticket until it is mended, also for the next leader.
func TestACertificateThatWillNotDoIsATicketUntilItIsMended(t *testing.T) {
	dir := t.TempDir()
	other := tlsfile.Pair{Cert: filepath.Join(dir, "other"), Key: filepath.Join(dir, "other.key")}
	for _, tt := range []struct {
		name, says string
		spoil      func(t *testing.T, files tlsfile.Pair)
	}{
		{"it is gone", "no such file or directory", func(t *testing.T, files tlsfile.Pair) {
			if err := os.Remove(files.Cert); err != nil {
				t.Fatal(err)
			}
		}},
		{"another one's key", "private key does not match", func(t *testing.T, files tlsfile.Pair) {
			pair(t, tlsfile.Pair{Cert: other.Cert, Key: files.Key}, 9, time.Now().Add(24*time.Hour))
		}},
		{"it is over", "found one that was good until ", func(t *testing.T, files tlsfile.Pair) { pair(t, files, 2, time.Now().Add(-time.Hour)) }},
		{"it will be over soon", "found one that is good only until ", func(t *testing.T, files tlsfile.Pair) { pair(t, files, 2, time.Now().Add(time.Hour)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files := tlsfile.Pair{Cert: filepath.Join(t.TempDir(), "cert"), Key: filepath.Join(t.TempDir(), "key")}
				pair(t, files, 1, time.Now().Add(30*time.Hour))
				n := &node{d: testDaemon()}
				cert, err := n.followFiles(files, shownStays)
				if err != nil {
					t.Fatal(err)
				}
				rotation, err := schedule.Parse("oncall.toml", []byte(rotationText))
				if err != nil {
					t.Fatal(err)
				}
				r := &router{node: n, d: n.d, engine: newEngine(t, &disk{}, time.Now)}
				r.engine.SetRotation(rotation, "")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var leading sync.WaitGroup
				leading.Go(func() { cert.watch(ctx) })
				term, resign := context.WithCancel(ctx)
				leading.Go(func() { r.tellCertificates(term) })
				time.Sleep(3 * tlsfile.LookEvery)
				if open := r.engine.Incidents(); len(open) != 0 {
					t.Fatalf("found %+v, and all is well", open)
				}
				tt.spoil(t, files)
				time.Sleep(4 * tlsfile.LookEvery) // two looks, and a telling
				open := r.engine.Incidents()
				if len(open) != 1 || open[0].Severity != incident.SeverityTicket || open[0].Entries > 3 {
					t.Fatalf("found %+v, want one ticket, told once", open)
				}
				if lead := open[0].Lead(); lead.Rule != "nezuban-tls-certificate" || lead.Labels["file"] != files.Cert || !strings.Contains(lead.Summary, tt.says) {
					t.Errorf("rule %s of %v says %q, want %q", lead.Rule, lead.Labels, lead.Summary, tt.says)
				}
				resign()
				leading.Go(func() { r.tellCertificates(ctx) }) // the next term
				pair(t, files, 3, time.Now().Add(30*time.Hour))
				time.Sleep(3 * tlsfile.LookEvery)
				if inc, _ := r.engine.Incident(open[0].ID); inc.State != incident.Resolved {
					t.Errorf("the incident is %s once the certificate is good, want it resolved", inc.State)
				}
				cancel()
				leading.Wait()
			})
		})
	}
}

func TestCheckConfigNamesACertificateThatIsNotGoodNow(t *testing.T) {
	for _, tt := range []struct {
		name, until string // a duration from now
		want        string
	}{
		{"good", "24h", ""},
		{"over", "-1h", `router.toml:1: tls_cert: found "router.crt", which was good until 20`},
		{"not yet good", "72h", `router.toml:1: tls_cert: found "router.crt", which is good from 20`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := writeConfig(t, `tls_cert = "router.crt"
tls_key = "router.key"
advertise = "http://router1:17070"
[etcd]
endpoints = ["https://etcd1:2379"]
cert_file = "router.crt"
key_file = "router.key"
`, nil)
			until, err := time.ParseDuration(tt.until)
			if err != nil {
				t.Fatal(err)
			}
			pair(t, tlsfile.Pair{Cert: filepath.Join(filepath.Dir(path), "router.crt"), Key: filepath.Join(filepath.Dir(path), "router.key")}, 1, time.Now().Add(until))
			cfg, err := Load(path, noEnv)
			if err != nil {
				t.Fatalf("it does not start: %v", err)
			}
			err = CheckCertificates(cfg)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			for _, want := range []string{tt.want, strings.Replace(tt.want, "1: tls_cert", "6: etcd.cert_file", 1), ", expected a certificate that is good now"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("found %v, want %q", err, want)
				}
			}
		})
	}
}
