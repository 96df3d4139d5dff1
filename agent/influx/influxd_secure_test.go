package influx

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nezuban/agent/tlsfile"
	"nezuban/agent/transport"
	"nezuban/packaging/influxd"
	"nezuban/packaging/testenv"
)

// Users of the database below; their passwords hold what is special in URLs, in headers and in line protocol.
const (
	adminPassword = "adm!n s3cret"
	agentPassword = "p:w s3cret@,=/ü"
)

// One real InfluxDB 1.8.10 that asks for users and speaks TLS serves all subtests.
func TestAgainstAnInfluxDBWithUsersAndTLS(t *testing.T) {
	ca := testenv.NewAuthority(t)
	cert, key := ca.Issue("influxdb", "influxdb.internal")
	server := testenv.InfluxdWith(t, influxd.Options{Auth: true, CertFile: cert, KeyFile: key})
	admin := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, DisableKeepAlives: true}}
	tell := func(t *testing.T, query string) string {
		t.Helper()
		return askAs(t, admin, server, "root", adminPassword, query)
	}
	tell(t, `CREATE USER root WITH PASSWORD '`+adminPassword+`' WITH ALL PRIVILEGES`)
	tell(t, `CREATE USER "agent 1" WITH PASSWORD '`+agentPassword+`'`)
	good := func(database string) Output {
		return Output{
			Name: "influxdb", URLs: []string{server}, Username: "agent 1", Password: agentPassword, Bucket: database,
			Transport: transport.Options{CAFile: ca.File},
		}
	}
	granted := func(t *testing.T, database string) {
		t.Helper()
		tell(t, `CREATE DATABASE `+database)
		tell(t, `GRANT ALL ON `+database+` TO "agent 1"`)
	}
	rows := func(t *testing.T, database string) string {
		t.Helper()
		return tell(t, `SELECT count(i) FROM `+database+`..m`)
	}

	t.Run("UserAndPassword", func(t *testing.T) {
		granted(t, "basic")
		o := good("basic")
		o.Gzip = true
		if err := Write(t.Context(), o, []Point{sample(0), sample(1)}); err != nil {
			t.Error(err)
		}
		found, err := Query(t.Context(), o, `from(bucket:"basic/autogen") |> range(start:0)`)
		if err != nil || len(found) != 2 {
			t.Errorf("found %d rows, %v", len(found), err)
		}
		o.Username, o.Password, o.Token = "", "", "root:"+strings.ReplaceAll(adminPassword, " ", "_")
		if err := Write(t.Context(), o, []Point{sample(2)}); err == nil || !strings.Contains(err.Error(), "token refused: ") {
			t.Errorf("a wrong token: found %v", err)
		}
	})
	t.Run("AWrongPasswordLosesNothing", func(t *testing.T) {
		for i, wrong := range []struct{ name, user, password, says string }{
			{"password", "agent 1", "s3cret guess", "authorization failed"},
			{"user", "nobody", agentPassword, "authorization failed"},
			{"nothing", "", "", "unable to parse authentication credentials"},
		} {
			dir, database := t.TempDir(), fmt.Sprintf("kept%d", i)
			granted(t, database)
			o := good(database)
			o.Username, o.Password = wrong.user, wrong.password
			first := newRig(t, WriterOptions{SpoolDir: dir}, o)
			first.Write(sample(0), sample(1), happening(0))
			refused := "user or password refused: 401 Unauthorized: " + wrong.says
			if wrong.user == "" {
				refused = "answered 401, and no token and no user is configured: 401 Unauthorized: " + wrong.says
			}
			awaitFor(t, time.Minute, "tries", func() bool { return first.figure("influxdb", "requests_total") >= 3 })
			first.stop()
			if first.log.count(refused) != 1 || first.log.count("s3cret") != 0 {
				t.Errorf("%s: expected %q once and no password:\n%s", wrong.name, refused, first.log)
			}
			for _, lost := range []string{"lines_dropped_total", "lines_refused_total", "lines_sent_total"} {
				if n := first.figure("influxdb", lost); n != 0 {
					t.Errorf("%s: found %s %d", wrong.name, lost, n)
				}
			}
			second := newRig(t, WriterOptions{SpoolDir: dir}, good(database))
			awaitFor(t, time.Minute, "what waited", func() bool { return second.figure("influxdb", "lines_sent_total") == 3 })
			second.stop()
			if answer := rows(t, database); !strings.Contains(answer, ",2]") {
				t.Errorf("%s: found %s, expected both samples", wrong.name, answer)
			}
		}
	})
	t.Run("AUserWithoutTheRightLosesNothing", func(t *testing.T) {
		tell(t, `CREATE DATABASE foreign`)
		w := newRig(t, WriterOptions{SpoolDir: t.TempDir()}, good("foreign"))
		w.Write(sample(0))
		awaitFor(t, time.Minute, "the refusal", func() bool { return w.log.count("user or password refused: ") == 1 })
		if w.log.count("not authorized to write to database") != 1 {
			t.Errorf("expected the server's words:\n%s", w.log)
		}
		tell(t, `GRANT WRITE ON "foreign" TO "agent 1"`)
		awaitFor(t, time.Minute, "the line", func() bool { return w.figure("influxdb", "lines_sent_total") == 1 })
	})
	t.Run("Trust", func(t *testing.T) {
		granted(t, "trust")
		foreign := testenv.NewAuthority(t)
		for name, row := range map[string]struct {
			options transport.Options
			says    string
		}{
			"the system's":    {transport.Options{}, "unreachable: Post"},
			"another's":       {transport.Options{CAFile: foreign.File}, "certificate signed by unknown authority"},
			"by another name": {transport.Options{CAFile: ca.File, ServerName: "other.internal"}, "not other.internal"},
			"by its name":     {transport.Options{CAFile: ca.File, ServerName: "influxdb.internal"}, ""},
		} {
			o := good("trust")
			o.Transport = row.options
			err := Write(t.Context(), o, []Point{sample(0)})
			if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: found %v, expected %q", name, err, row.says)
			}
		}
	})
	t.Run("Proxies", func(t *testing.T) {
		granted(t, "proxied")
		proxy := testenv.StartProxy(t, "user", "pr0xy s3cret")
		o := good("proxied")
		o.Transport.Proxy = "http://user:guess-s3cret@" + proxy.Host
		dir := t.TempDir()
		first := newRig(t, WriterOptions{SpoolDir: dir}, o)
		first.Write(sample(0))
		awaitFor(t, time.Minute, "the refusal", func() bool { return first.log.count("Proxy Authentication Required") == 1 })
		first.stop()
		o.Transport.Proxy = "http://user:pr0xy%20s3cret@" + proxy.Host
		second := newRig(t, WriterOptions{SpoolDir: dir}, o)
		second.Write(sample(1))
		awaitFor(t, time.Minute, "both lines", func() bool { return second.figure("influxdb", "lines_sent_total") == 2 })
		second.stop()
		// A connection is used again where it can be, which net/http does not promise.
		if got, want := fmt.Sprint(slices.Compact(proxy.Carried())), "[CONNECT "+strings.TrimPrefix(server, "https://")+"]"; got != want {
			t.Errorf("the proxy carried %s, want %s", got, want)
		}
		if text := fmt.Sprint(first.log, second.log); strings.Contains(text, "s3cret") {
			t.Errorf("found a password in\n%s", text)
		}
	})
	t.Run("CertificatesAreRenewed", func(t *testing.T) { testRenewal(t, ca, server, good, granted, rows) })
}

// testRenewal writes through a server of TLS that asks for certificates, in front of the database, while the agent's is renewed.
func testRenewal(t *testing.T, ca *testenv.Authority, server string, good func(string) Output, granted func(*testing.T, string), rows func(*testing.T, string) string) {
	granted(t, "renewed")
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(ca.Issue("front"))
	if err != nil {
		t.Fatal(err)
	}
	behind := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
	t.Cleanup(behind.CloseIdleConnections)
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.Transport = behind
	var mu sync.Mutex
	var shown []string // serial numbers, each change of them
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if n := r.TLS.PeerCertificates[0].SerialNumber.String(); len(shown) == 0 || shown[len(shown)-1] != n {
			shown = append(shown, n)
		}
		mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	front.StartTLS()
	t.Cleanup(front.Close)

	cert, key := ca.Issue("agent")
	o := good("renewed")
	o.URLs, o.Gzip, o.Transport.Certificate = []string{front.URL}, true, tlsfile.Pair{Cert: cert, Key: key}
	w := newRig(t, WriterOptions{}, o)
	seen := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(shown) == n }
	}
	w.Write(sample(0))
	awaitFor(t, time.Minute, "the first certificate", seen(1))
	ca.Issue("agent")
	writing, stop := context.WithCancel(t.Context())
	next := 1
	var writer sync.WaitGroup
	writer.Go(func() {
		for tick := time.NewTicker(50 * time.Millisecond); writing.Err() == nil; <-tick.C {
			w.Write(sample(next))
			next++
		}
	})
	awaitFor(t, tlsfile.LookEvery+time.Minute, "the second certificate", seen(2))
	stop()
	writer.Wait()
	awaitFor(t, time.Minute, "all lines", func() bool { return w.figure("influxdb", "lines_sent_total") == next })
	if answer := rows(t, "renewed"); !strings.Contains(answer, fmt.Sprintf(",%d]", next)) {
		t.Errorf("found %s, expected %d lines", answer, next)
	}
	if w.log.count("trouble") != 0 {
		t.Errorf("found trouble:\n%s", w.log)
	}
	o.Transport.Certificate = tlsfile.Pair{}
	if err := Write(t.Context(), o, []Point{sample(0)}); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: found %v", err)
	}
}

// askAs puts a query of InfluxQL as a user, and gives the raw answer, which must be no error.
func askAs(t *testing.T, client *http.Client, server, user, password, query string) string {
	t.Helper()
	address := server + "/query?" + url.Values{"q": {query}}.Encode()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(user, password)
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body := new(strings.Builder)
	if err := answer.Write(body); err != nil || answer.StatusCode != http.StatusOK || strings.Contains(body.String(), `"error"`) {
		t.Fatalf("%s: found %s, %v", query, body, err)
	}
	return body.String()
}
