package transport

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"nezuban/agent/tlsfile"
	"nezuban/packaging/testenv"
)

func TestProxies(t *testing.T) {
	ca := testenv.NewAuthority(t)
	behind := newSecure(t, &tls.Config{
		Certificates: []tls.Certificate{shows(t)(ca.Issue("server", "influxdb.internal"))}, ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	})
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "plain, with %d headers for the proxy", len(r.Header.Values("Proxy-Authorization")))
	}))
	t.Cleanup(plain.Close)
	open := testenv.StartProxy(t, "", "")
	asking := testenv.StartProxy(t, "proxy user", "p:w@/x")
	overTLS := testenv.StartProxy(t, "u", "s3cret", files(ca.Issue("proxy"))...)
	foreign := testenv.NewAuthority(t)
	unknown := testenv.StartProxy(t, "", "", files(foreign.Issue("proxy"))...)
	socks := startSocks(t, "u", "s3cret")

	cert, key := ca.Issue("agent")
	shown := Options{CAFile: ca.File, Certificate: tlsfile.Pair{Cert: cert, Key: key}, ServerName: "influxdb.internal"}
	for _, row := range []struct {
		name, proxy string
		want        string // by https, where it is a tunnel
		wantPlain   string
		carried     func() []string
	}{
		{"open", "http://" + open.Host, "on connection", "plain, with 0 headers", open.Carried},
		{"with a password", "http://proxy%20user:p%3Aw%40%2Fx@" + asking.Host, "on connection", "plain, with 0 headers", asking.Carried},
		{"with a wrong password", "http://proxy%20user:s3cret@" + asking.Host, "Proxy Authentication Required", "407 Proxy Authentication Required", nil},
		{"without the password", "http://" + asking.Host, "Proxy Authentication Required", "407 Proxy Authentication Required", nil},
		{"by https", "https://u:s3cret@" + overTLS.Host, "on connection", "plain, with 0 headers", overTLS.Carried},
		{"by https, unknown", "https://u:s3cret@" + unknown.Host, "proxy " + unknown.Host + ": tls: failed to verify certificate", "proxy " + unknown.Host + ": tls: failed to verify certificate", nil},
		{"socks5", "socks5://u:s3cret@" + socks.host, "on connection", "plain, with 0 headers", socks.Carried},
		{"socks5h", "socks5h://u:s3cret@" + socks.host, "on connection", "plain, with 0 headers", socks.Carried},
		{"socks5 with a wrong password", "socks5://u:s3cre7@" + socks.host, "username/password authentication failed", "username/password authentication failed", nil},
		{"nobody", "http://u:s3cret@" + testenv.FreeAddress(t), "connection refused", "connection refused", nil},
		{"no URL", "u:s3cret@proxy", errProxy.Error(), errProxy.Error(), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := shown
			o.Proxy = row.proxy
			before := 0
			if row.carried != nil {
				before = len(row.carried())
			}
			for url, want := range map[string]string{behind.URL: row.want, plain.URL: row.wantPlain} {
				tr, log, _ := at(t, o)
				got := ask(t, tr, url)
				if !strings.Contains(got, want) {
					t.Errorf("%s: found %q, want %q", url, got, want)
				}
				for _, text := range []string{got, log.String(), o.String(), fmt.Sprintf("%v %+v %#v", o, o, o), o.LogValue().String()} {
					if strings.Contains(text, "s3cre") || strings.Contains(text, "p%3Aw") || strings.Contains(text, "proxy%20user") {
						t.Errorf("%s: found the password in %q", url, text)
					}
				}
			}
			if row.carried != nil && len(row.carried()) != before+2 {
				t.Errorf("the proxy carried %q", row.carried()[before:])
			}
		})
	}
}

// files is two results as arguments.
func files(cert, key string) []string { return []string{cert, key} }

// Without a proxy of its own a transport heeds the environment, which net/http reads once in a process: another process asks.
func TestTheEnvironmentsProxy(t *testing.T) {
	if url := os.Getenv("NEZUBAN_TEST_ASK"); url != "" {
		tr, _, _ := at(t, Options{Proxy: os.Getenv("NEZUBAN_TEST_PROXY")})
		fmt.Println(ask(t, tr, url))
		return
	}
	theirs, ours := testenv.StartProxy(t, "", ""), testenv.StartProxy(t, "", "")
	for _, row := range []struct {
		name, url, proxy, noProxy string
		theirs, ours              string // what they carry
	}{
		{"http", "http://influxdb.invalid/", "", "", "[POST http://influxdb.invalid/]", "[]"},
		{"https", "https://influxdb.invalid/", "", "", "[CONNECT influxdb.invalid:443]", "[]"},
		{"an exception", "http://influxdb.invalid/", "", "influxdb.invalid", "[]", "[]"},
		{"loopback", "http://" + testenv.FreeAddress(t), "", "", "[]", "[]"},
		{"our own", "http://influxdb.invalid/", "http://" + ours.Host, "influxdb.invalid", "[]", "[POST http://influxdb.invalid/]"},
	} {
		before, beforeOurs := len(theirs.Carried()), len(ours.Carried())
		other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheEnvironmentsProxy$")
		other.Env = append(
			os.Environ(), "HTTP_PROXY=http://"+theirs.Host, "HTTPS_PROXY=http://"+theirs.Host, "NO_PROXY="+row.noProxy, "http_proxy=", "https_proxy=", "no_proxy=",
			"NEZUBAN_TEST_ASK="+row.url, "NEZUBAN_TEST_PROXY="+row.proxy,
		)
		out, err := other.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", row.name, err, out)
		}
		if got, gotOurs := fmt.Sprint(theirs.Carried()[before:]), fmt.Sprint(ours.Carried()[beforeOurs:]); got != row.theirs || gotOurs != row.ours {
			t.Errorf("%s: the environment's proxy carried %s, want %s; ours %s, want %s\n%s", row.name, got, row.theirs, gotOurs, row.ours, out)
		}
	}
}

func TestParseProxy(t *testing.T) {
	for text, good := range map[string]bool{
		"http://proxy.example.org:3128": true, "https://proxy": true, "socks5://[::1]:1080/": true, "socks5h://u:p@proxy": true,
		"": false, "proxy:3128": false, "ftp://proxy": false, "http://": false, "http://u:s3cret@": false, "http://proxy/path": false,
		"http://u:s3%zzcret@proxy": false, "http://proxy?s3cret": false, "http://proxy#s3cret": false,
	} {
		u, err := ParseProxy(text)
		if (err == nil) != good || (u != nil) != good {
			t.Errorf("%q: found %v, %v", text, u, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3") {
			t.Errorf("%q: found the password in %v", text, err)
		}
	}
}

// socks is a proxy by SOCKS5 (RFC 1928) that asks for a user and a password (RFC 1929).
type socks struct {
	host, user, password string

	mu      sync.Mutex
	carried []string
}

// Carried lists the addresses to which there was a tunnel.
func (s *socks) Carried() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.carried...)
}

func startSocks(t *testing.T, user, password string) *socks {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socks{host: ln.Addr().String(), user: user, password: password}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); serving.Wait() })
	return s
}

func (s *socks) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	text := func() string { // a length, and as many bytes
		n, _ := in.ReadByte()
		b := make([]byte, n)
		_, _ = io.ReadFull(in, b)
		return string(b)
	}
	_, _ = in.ReadByte() // the version, 5
	_ = text()           // methods that the client knows
	_, _ = conn.Write([]byte{5, 2})
	_, _ = in.ReadByte() // the version of RFC 1929, 1
	if user, password := text(), text(); user != s.user || password != s.password {
		_, _ = conn.Write([]byte{1, 1})
		return
	}
	_, _ = conn.Write([]byte{1, 0})
	head := make([]byte, 4) // version, CONNECT, reserved, kind of address
	if _, err := io.ReadFull(in, head); err != nil {
		return
	}
	host := ""
	switch head[3] {
	case 1:
		ip := make(net.IP, 4)
		_, _ = io.ReadFull(in, ip)
		host = ip.String()
	case 3:
		host = text()
	default:
		return
	}
	port := make([]byte, 2)
	_, _ = io.ReadFull(in, port)
	address := net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port))))
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	s.mu.Lock()
	s.carried = append(s.carried, address)
	s.mu.Unlock()
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	testenv.Carry(struct {
		io.Reader
		io.Writer
	}{in, conn}, far, func() { _ = conn.Close(); _ = far.Close() })
}
