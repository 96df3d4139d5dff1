package testenv

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy is a forward proxy on loopback that carries tunnels (CONNECT) and plain requests. Its methods may be called concurrently.
type Proxy struct {
	Host string // host:port

	user, password string // "": everybody may
	transport      *http.Transport

	mu      sync.Mutex
	carried []string
}

// StartProxy starts a proxy that asks for this user and password, unless the user is empty; with a pair of files it speaks TLS. It
// is stopped when the test ends.
func StartProxy(tb testing.TB, user, password string, files ...string) *Proxy {
	tb.Helper()
	p := &Proxy{user: user, password: password, transport: &http.Transport{DisableKeepAlives: true}}
	server := httptest.NewUnstartedServer(p)
	if len(files) == 2 {
		pair, err := tls.LoadX509KeyPair(files[0], files[1])
		if err != nil {
			tb.Fatal(err)
		}
		server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		server.StartTLS()
	} else {
		server.Start()
	}
	tb.Cleanup(server.Close)
	p.Host = server.Listener.Addr().String()
	return p
}

// Carried lists what went through, such as "CONNECT 127.0.0.1:8086" and "POST http://127.0.0.1:8086/write"; what was refused for want
// of the password is not in it.
func (p *Proxy) Carried() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.carried)
}

// ServeHTTP carries one request, or one tunnel until an end of it closes.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password))
	if p.user != "" && r.Header.Get("Proxy-Authorization") != want {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
		return
	}
	target := r.Host
	if r.Method != http.MethodConnect {
		target = r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
	}
	p.mu.Lock()
	p.carried = append(p.carried, r.Method+" "+target)
	p.mu.Unlock()
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	r.RequestURI = ""
	for header := range r.Header {
		if strings.HasPrefix(header, "Proxy-") {
			r.Header.Del(header)
		}
	}
	answer, err := p.transport.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func (p *Proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, early, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	Carry(struct {
		io.Reader
		io.Writer
	}{early, near}, far, func() { _ = near.Close(); _ = far.Close() })
}

// Carry copies between two ends until one of them is closed, then closes both, and returns when both copies have ended.
func Carry(near, far io.ReadWriter, hangUp func()) {
	var both sync.WaitGroup
	for _, way := range [][2]io.ReadWriter{{near, far}, {far, near}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			hangUp()
		})
	}
	both.Wait()
}
