package influx

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nezuban/agent/transport"
	"nezuban/packaging/testenv"
)

func TestAnAnswerIsSaidInItsOwnWords(t *testing.T) {
	tests := []struct {
		name, body string
		want       string
	}{
		{"2.x and the router", `{"code":"invalid","message":"partial write"}`, "invalid: partial write"},
		{"1.8", `{"error":"authorization failed"}`, "401 Unauthorized: authorization failed"},
		{"a proxy", "<h1>who are you?</h1>\n", "401 Unauthorized: <h1>who are you?</h1>"},
		{"other JSON", `{"status":"no"}`, `401 Unauthorized: {"status":"no"}`},
		{"no words", "", "Unexpected status code 401"},
		{"words without end", strings.Repeat("x", 2*maxWords), "401 Unauthorized: " + strings.Repeat("x", maxWords)},
	}
	for _, test := range tests {
		answer := &http.Response{
			StatusCode: http.StatusUnauthorized, Status: "401 Unauthorized", Header: http.Header{"Retry-After": {"7"}}, Body: io.NopCloser(strings.NewReader(test.body)),
		}
		err := answerOf(answer)
		if err.Error() != test.want || statusOf(err) != http.StatusUnauthorized || retryAfter(err, now) != 7*time.Second {
			t.Errorf("%s: found %.200q, status %d, wait %s; want %.200q", test.name, err, statusOf(err), retryAfter(err, now), test.want)
		}
	}
}

// A write that is redirected would become a GET, whose 200 says nothing of it. It waits, and the log names the address.
func TestARedirectLosesNothing(t *testing.T) {
	welcome := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "welcome") }))
	t.Cleanup(welcome.Close)
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		server := newFakeServer(t, func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", welcome.URL+"/login")
			w.WriteHeader(status)
		})
		w := newRig(t, WriterOptions{}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db", Username: "u", Password: "s3cret"})
		w.Write(sample(0))
		await(t, "the redirect in the log", func() bool { return w.log.count(fmt.Sprintf("answered %d, a redirect to", status)) == 1 })
		await(t, "another try", func() bool { return len(server.tries()) >= 2 })
		if w.log.count(welcome.URL) != 1 || w.log.count("s3cret") != 0 {
			t.Errorf("expected the address:\n%s", w.log)
		}
		if sent, waiting := w.figure("db", "lines_sent_total"), w.Stats().Waiting; sent != 0 {
			t.Errorf("%d: found %d lines sent, %d bytes waiting", status, sent, waiting)
		}
		w.stop()
	}
}

// A proxy that does not know the password answers in the server's place: what is written waits, and no password is said.
func TestAProxyThatRefusesLosesNothing(t *testing.T) {
	server, proxy, dir := newFakeServer(t, nil), testenv.StartProxy(t, "u", "pr0xy s3cret"), t.TempDir()
	o := Output{Name: "db", URLs: []string{server.URL}, Bucket: "db", Gzip: true, Transport: transport.Options{Proxy: "http://u:guess-s3cret@" + proxy.Host}}
	first := newRig(t, WriterOptions{SpoolDir: dir}, o)
	first.Write(sample(0), happening(1))
	await(t, "the refusal", func() bool { return first.log.count("the proxy asks for its user and password: 407") == 1 })
	first.stop()
	o.Transport.Proxy = "http://u:pr0xy%20s3cret@" + proxy.Host
	second := newRig(t, WriterOptions{SpoolDir: dir}, o)
	await(t, "both lines", func() bool { return len(server.accepted()) == 2 })
	second.stop()
	if text := first.log.String() + second.log.String(); strings.Contains(text, "s3cret") {
		t.Errorf("found a password in\n%s", text)
	}
	if len(proxy.Carried()) == 0 || len(server.tries()) != len(proxy.Carried()) {
		t.Errorf("the proxy carried %q, the server got %d requests", proxy.Carried(), len(server.tries()))
	}
}

// A proxy's own answers are told from the server's.
func TestWhatIsSaidOfAnAnswer(t *testing.T) {
	for _, test := range []struct {
		output Output
		err    error
		want   string
	}{
		{Output{Token: "t"}, answered(401), "token refused: "},
		{Output{}, answered(401), "answered 401, and no token and no user is configured: "},
		{Output{Username: "u"}, answered(401), "user or password refused: "},
		{Output{Username: "u"}, answered(403), "user or password refused: "},
		{Output{}, answered(407), "the proxy asks for its user and password: "},
		{Output{}, answered(500), "answered 500: "},
		{Output{}, io.ErrUnexpectedEOF, "unreachable: "},
	} {
		if got := test.output.explain(test.err).Error(); !strings.HasPrefix(got, test.want) {
			t.Errorf("found %q, want %q first", got, test.want)
		}
	}
}
