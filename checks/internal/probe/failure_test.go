package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/dns/dnsmessage"

	"nezuban/checks/check"
)

// dnsAnswer is what a fake name server says about a name: an address, else a code, else nothing at all.
type dnsAnswer struct {
	ip     string
	code   dnsmessage.RCode
	silent bool
}

// fakeDNS is a resolver that asks a real UDP name server of ours. A name that is not in answers does not exist.
func fakeDNS(t *testing.T, answers map[string]dnsAnswer) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := dnsReply(buffer[:n], answers); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		client, err := d.DialContext(ctx, "udp", conn.LocalAddr().String())
		if err == nil {
			t.Cleanup(func() { client.Close() }) // a lookup goes on for seconds after its request was given up
		}
		return client, err
	}}
}

func dnsReply(request []byte, answers map[string]dnsAnswer) []byte {
	var m dnsmessage.Message
	if m.Unpack(request) != nil || len(m.Questions) == 0 {
		return nil
	}
	question := m.Questions[0]
	answer, known := answers[question.Name.String()]
	m.Additionals = nil
	m.Response, m.RecursionAvailable, m.RCode = true, true, answer.code
	switch {
	case answer.silent:
		return nil
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case answer.ip != "" && question.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(answer.ip).To4())},
		}}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

func TestProbeNames(t *testing.T) {
	names := fakeDNS(t, map[string]dnsAnswer{
		"broken.example.": {code: dnsmessage.RCodeServerFailure},
		"silent.example.": {silent: true},
		"empty.example.":  {},
	})
	tests := []struct {
		name, host string
		sick       bool
		errText    string
	}{
		{"a name that does not exist is the target's fault", "gone.example", false, "no such host"},
		{"a name without addresses too", "empty.example", false, "no such host"},
		{"a resolver that fails is ours", "broken.example", true, "server misbehaving"},
		{"a resolver that is silent is ours", "silent.example", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := checkOf("http://" + tt.host)
			c.Timeout = 30 * time.Second
			if tt.host == "silent.example" {
				c.Timeout = 500 * time.Millisecond
			}
			r := probeOnce(t, newProber(Options{Resolver: names}), c)
			if r.Outcome != check.DNSError || r.Sick != tt.sick || !strings.Contains(r.Error, tt.errText) {
				t.Errorf("found %s, sick %v, %q; expected dns_error, sick %v, %q", r.Outcome, r.Sick, r.Error, tt.sick, tt.errText)
			}
		})
	}
}

func TestFailed(t *testing.T) {
	dial := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	tests := []struct {
		name     string
		attempts []error // one per address; the last is what the dialer reports
		want     check.Outcome
		sick     bool
	}{
		{"refused", []error{dial(syscall.ECONNREFUSED)}, check.ConnectionFailed, false},
		{"reset", []error{dial(syscall.ECONNRESET)}, check.ConnectionFailed, false},
		{"the kernel gave up", []error{dial(syscall.ETIMEDOUT)}, check.Timeout, false},
		{"nobody at the address: a host that is switched off", []error{dial(syscall.EHOSTUNREACH)}, check.ConnectionFailed, false},
		{"no route of our own", []error{dial(syscall.ENETUNREACH)}, check.ConnectionFailed, true},
		{"network down", []error{dial(syscall.ENETDOWN)}, check.ConnectionFailed, true},
		{"no free port", []error{dial(syscall.EADDRNOTAVAIL)}, check.ConnectionFailed, true},
		{"no descriptor left", []error{dial(syscall.EMFILE)}, check.ConnectionFailed, true},
		{"our own firewall", []error{dial(syscall.EPERM)}, check.ConnectionFailed, true},
		{"no route by IPv6, refused by IPv4", []error{dial(syscall.ECONNREFUSED), dial(syscall.ENETUNREACH)}, check.ConnectionFailed, false},
		{"no route at all", []error{dial(syscall.ENETUNREACH), dial(syscall.ENETUNREACH)}, check.ConnectionFailed, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := &trace{now: time.Now}
			hooks := tr.hooks()
			var err error
			for _, err = range tt.attempts {
				hooks.ConnectStart("tcp", "192.0.2.1:80")
				hooks.ConnectDone("tcp", "192.0.2.1:80", err)
			}
			var r check.Result
			failed(&r, fmt.Errorf("get: %w", err), tr, time.Second)
			if r.Outcome != tt.want || r.Sick != tt.sick {
				t.Errorf("found %s, sick %v; expected %s, sick %v", r.Outcome, r.Sick, tt.want, tt.sick)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "connection refused", "connection refused"},
		{"lines and control characters", "bad\r\n\x1b[31mred\x00 \t end", "bad [31mred end"},
		{"not UTF-8", "a\xff\xfeb", "a b"},
		{"long", strings.Repeat("x", 300), strings.Repeat("x", maxErrorBytes-3) + "…"},
		{"not cut within a letter", strings.Repeat("é", 200), strings.Repeat("é", 126) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := oneLine(tt.text)
			if got != tt.want {
				t.Errorf("found %q, expected %q", got, tt.want)
			}
			if len(got) > maxErrorBytes || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
			}
		})
	}
}

func TestReasonNamesTheLimit(t *testing.T) {
	if got := reason(fmt.Errorf("read: %w", context.DeadlineExceeded), time.Second); got != "not finished within 1s" {
		t.Errorf("found %q", got)
	}
	if got := reason(errors.New("other"), time.Second); got != "other" {
		t.Errorf("found %q", got)
	}
}
