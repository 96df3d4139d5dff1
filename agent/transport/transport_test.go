package transport

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nezuban/agent/tlsfile"
	"nezuban/packaging/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secure is a server that tells who asked, by the serial number of a certificate, and over how many connections so far.
type secure struct {
	*httptest.Server
	mu    sync.Mutex
	conns map[string]bool // true while they are open
}

// open counts the connections that are open.
func (s *secure) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, open := range s.conns {
		if open {
			n++
		}
	}
	return n
}

// made counts the connections that there were.
func (s *secure) made() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func newSecure(t *testing.T, config *tls.Config) *secure {
	t.Helper()
	s := &secure{conns: map[string]bool{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.conns[r.RemoteAddr] = true
		n := len(s.conns)
		s.mu.Unlock()
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].SerialNumber.String()
		}
		fmt.Fprintf(w, "%s on connection %d", who, n)
	}))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns[c.RemoteAddr().String()] = false
		}
	}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// shows reads a certificate.
func shows(t *testing.T) func(cert, key string) tls.Certificate {
	t.Helper()
	return func(cert, key string) tls.Certificate {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
}

// said is a log.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// at makes a transport and a clock that can be turned.
func at(t *testing.T, o Options) (tr *Transport, log *said, later func(time.Duration)) {
	t.Helper()
	log, now := &said{}, time.Now()
	tr = New(o, slog.New(slog.NewTextHandler(log, nil)))
	tr.now = func() time.Time { return now }
	t.Cleanup(tr.CloseIdleConnections)
	return tr, log, func(d time.Duration) { now = now.Add(d) }
}

// ask makes one request, and gives the body of the answer or the error.
func ask(t *testing.T, tr http.RoundTripper, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("lines"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	if answer.StatusCode != http.StatusOK {
		return answer.Status
	}
	return string(body)
}

func TestWhomATransportTrusts(t *testing.T) {
	ours, foreign := testenv.NewAuthority(t), testenv.NewAuthority(t)
	server := newSecure(t, &tls.Config{Certificates: []tls.Certificate{shows(t)(ours.Issue("server", "influxdb.internal"))}})
	together := filepath.Join(t.TempDir(), "both.pem")
	write(t, together, read(t, foreign.File)+read(t, ours.File))
	for _, row := range []struct {
		name    string
		options Options
		want    string
	}{
		{"the system's authorities", Options{}, "certificate signed by unknown authority"},
		{"its own", Options{CAFile: ours.File}, "nobody on connection"},
		{"another", Options{CAFile: foreign.File}, "certificate signed by unknown authority"},
		{"one of two in a file", Options{CAFile: together}, "nobody on connection"},
		{"by its name", Options{CAFile: ours.File, ServerName: "influxdb.internal"}, "nobody on connection"},
		{"by another name", Options{CAFile: ours.File, ServerName: "other.internal"}, "certificate is valid for influxdb.internal, not other.internal"},
		{"no file", Options{CAFile: "/nowhere/ca.pem"}, "read /nowhere/ca.pem: no such file"},
	} {
		tr, _, _ := at(t, row.options)
		if got := ask(t, tr, server.URL); !strings.Contains(got, row.want) {
			t.Errorf("%s: found %q, want %q", row.name, got, row.want)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A new certificate is shown soon after it is written, though the old connection still works; what cannot be used changes nothing.
func TestACertificateIsRenewedWhileRequestsAreMade(t *testing.T) {
	ca := testenv.NewAuthority(t) // whose own number is 1
	server := newSecure(t, &tls.Config{
		Certificates: []tls.Certificate{shows(t)(ca.Issue("server"))}, ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	})
	cert, key := ca.Issue("agent") // 3
	other, otherKey := ca.Issue("other")
	tr, log, later := at(t, Options{CAFile: ca.File, Certificate: tlsfile.Pair{Cert: cert, Key: key}})
	const soon = tlsfile.LookEvery - time.Millisecond
	answered, made := 0, map[*http.Transport]bool{}
	for _, step := range []struct {
		name   string
		change func()
		wait   time.Duration
		want   string
		says   string // in the log, once
	}{
		{"at the start", func() {}, 0, "3 by transport 1", ""},
		{"unchanged", func() {}, tlsfile.LookEvery, "3 by transport 1", ""},
		{"just renewed", func() { ca.Issue("agent") }, soon, "3 by transport 1", ""},
		{"renewed", func() {}, 2 * time.Millisecond, "5 by transport 2", ""},
		{"a key of another", func() { write(t, key, read(t, otherKey)) }, tlsfile.LookEvery, "5 by transport 2", ""},
		{"whose certificate does not follow", func() {}, tlsfile.LookEvery, "5 by transport 2", "private key does not match"},
		{"no PEM", func() { write(t, cert, "rotating…") }, tlsfile.LookEvery, "5 by transport 2", "failed to find any PEM data"},
		{"gone", func() { _ = os.Remove(cert) }, tlsfile.LookEvery, "5 by transport 2", "no such file"},
		{"over", func() { ca.IssueUntil(time.Now().Add(-time.Minute), "agent") }, tlsfile.LookEvery, "5 by transport 2", "was good until"},
		{"another pair", func() { write(t, cert, read(t, other)); write(t, key, read(t, otherKey)) }, tlsfile.LookEvery, "4 by transport 3", "trouble is over"},
		{"other authorities", func() { write(t, ca.File, read(t, testenv.NewAuthority(t).File)) }, tlsfile.LookEvery, "unknown authority", ""},
	} {
		step.change()
		later(step.wait)
		// The connections are not counted: net/http gives one up when it is slow to hear that a request was written.
		who, _, there := strings.Cut(ask(t, tr, server.URL), " on connection")
		if made[tr.base] = true; there {
			answered++
		}
		if got := fmt.Sprintf("%s by transport %d", who, len(made)); !strings.Contains(got, step.want) {
			t.Errorf("%s: found %q, want %q", step.name, got, step.want)
		}
		if step.says != "" && strings.Count(log.String(), step.says) != 1 {
			t.Errorf("%s: said\n%s\nwant %q once", step.name, log, step.says)
		}
	}
	if n := server.made(); n >= answered {
		t.Errorf("found %d connections for %d requests: none was used again", n, answered)
	}
	for end := time.Now().Add(10 * time.Second); server.open() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("found %d connections still open, though the last transport reached nobody", server.open())
		}
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Errorf("found a key in the log:\n%s", log)
	}
}

// Files that are bad at the start are an error of each request, until they are good.
func TestFilesThatAreBadAtTheStart(t *testing.T) {
	ca := testenv.NewAuthority(t)
	server := newSecure(t, &tls.Config{Certificates: []tls.Certificate{shows(t)(ca.Issue("server"))}, ClientAuth: tls.RequireAnyClientCert})
	cert, key := ca.Issue("agent")
	good := read(t, cert)
	write(t, cert, "no PEM")
	tr, _, _ := at(t, Options{CAFile: ca.File, Certificate: tlsfile.Pair{Cert: cert, Key: key}})
	if got := ask(t, tr, server.URL); !strings.Contains(got, "certificate "+cert+" with key "+key) {
		t.Errorf("found %q, want what is wrong", got)
	}
	write(t, cert, good)
	if got := ask(t, tr, server.URL); got != "3 on connection 1" {
		t.Errorf("found %q with good files", got)
	}
	without, _, _ := at(t, Options{CAFile: ca.File})
	if got := ask(t, without, server.URL); !strings.Contains(got, "certificate required") {
		t.Errorf("found %q without a certificate, want the server's word", got)
	}
}

// A certificate that is over is shown all the same, and that is said: the server may be more lenient than we are, or its clock wrong.
func TestACertificateThatIsOverIsShown(t *testing.T) {
	ca := testenv.NewAuthority(t)
	server := newSecure(t, &tls.Config{Certificates: []tls.Certificate{shows(t)(ca.Issue("server"))}, ClientAuth: tls.RequireAnyClientCert})
	cert, key := ca.IssueUntil(time.Now().Add(-time.Minute), "agent")
	tr, log, _ := at(t, Options{CAFile: ca.File, Certificate: tlsfile.Pair{Cert: cert, Key: key}})
	if got := ask(t, tr, server.URL); got != "3 on connection 1" || strings.Count(log.String(), "it is used all the same") != 1 {
		t.Errorf("found %q, said\n%s", got, log)
	}
}
