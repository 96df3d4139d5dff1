package access_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"nezuban/router/internal/access"
)

const (
	ingestSecret = "ingest-secret"
	readSecret   = "read-secret"
	actSecret    = "act-secret"
)

func newGate(change func(*access.Options)) *access.Gate {
	opts := access.Options{
		Tokens: []access.Token{
			{Name: "agents", Kind: access.Ingest, Hash: access.HashOf(ingestSecret)},
			{Name: "wall", Kind: access.Read, Hash: access.HashOf(readSecret)},
			{Name: "cli", Kind: access.Act, Hash: access.HashOf(actSecret)},
		},
		Store: &access.Memory{},
		Now:   time.Now,
	}
	if change != nil {
		change(&opts)
	}
	return access.New(opts)
}

// caller answers with the name of who was let in.
var caller = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	c, _ := access.CallerOf(r.Context())
	fmt.Fprint(w, c.Name)
})

func TestRequireByKind(t *testing.T) {
	gate := newGate(nil)
	for _, row := range []struct {
		name   string
		need   access.Kind
		secret string
		want   int
	}{
		{"ingest opens ingest", access.Ingest, ingestSecret, 200},
		{"ingest does not read", access.Read, ingestSecret, 401},
		{"ingest does not act", access.Act, ingestSecret, 401},
		{"read opens read", access.Read, readSecret, 200},
		{"read does not act", access.Act, readSecret, 401},
		{"read does not ingest", access.Ingest, readSecret, 401},
		{"act acts", access.Act, actSecret, 200},
		{"act reads", access.Read, actSecret, 200},
		{"act does not ingest", access.Ingest, actSecret, 401},
		{"unknown", access.Read, "guess", 401},
		{"the hash is not the secret", access.Act, access.HashOf(actSecret).String(), 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Authorization", "Bearer "+row.secret)
			if got := serve(gate.Require(row.need, caller), r); got.Code != row.want {
				t.Errorf("got %d, want %d", got.Code, row.want)
			}
		})
	}
}

func TestRequireTakesEveryClientsWay(t *testing.T) {
	gate := newGate(nil)
	for _, row := range []struct {
		name string
		need access.Kind
		set  func(*http.Request)
		want int
	}{
		{"Bearer", access.Ingest, header("Bearer " + ingestSecret), 200},
		{"InfluxDB 2 Token", access.Ingest, header("Token " + ingestSecret), 200},
		{"InfluxDB 1.8 Token user:password", access.Ingest, header("Token telegraf:" + ingestSecret), 200},
		{"scheme in lower case", access.Ingest, header("token " + ingestSecret), 200},
		{"Basic", access.Ingest, func(r *http.Request) { r.SetBasicAuth("telegraf", ingestSecret) }, 200},
		{"u and p in the URL", access.Ingest, func(r *http.Request) { r.URL.RawQuery = "u=telegraf&p=" + ingestSecret }, 200},
		{"p in the URL opens nothing but ingest", access.Act, func(r *http.Request) { r.URL.RawQuery = "p=" + actSecret }, 401},
		{"another scheme", access.Ingest, header("Digest " + ingestSecret), 401},
		{"no scheme", access.Ingest, header(ingestSecret), 401},
		{"nothing", access.Ingest, func(*http.Request) {}, 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/api/v2/write", nil)
			row.set(r)
			if got := serve(gate.Require(row.need, caller), r); got.Code != row.want {
				t.Errorf("got %d, want %d", got.Code, row.want)
			}
		})
	}
}

func TestUnauthorizedSaysNothingAboutWhich(t *testing.T) {
	gate := newGate(nil)
	answers := map[string]bool{}
	for _, authorization := range []string{"", "Bearer guess", "Bearer " + ingestSecret, "Bearer " + readSecret, "Basic Og==", "rubbish"} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		header(authorization)(r)
		got := serve(gate.Require(access.Act, caller), r)
		if got.Code != http.StatusUnauthorized {
			t.Fatalf("%q: got %d, want 401", authorization, got.Code)
		}
		answers[got.Body.String()+got.Header().Get("WWW-Authenticate")+got.Header().Get("Content-Type")] = true
	}
	if len(answers) != 1 {
		t.Errorf("got %d different answers, want one: %v", len(answers), answers)
	}
}

func TestOpenIngest(t *testing.T) {
	for _, row := range []struct {
		name string
		open bool
		need access.Kind
		set  func(*http.Request)
		want int
	}{
		{"from loopback", true, access.Ingest, from("127.0.0.1:5555"), 200},
		{"from loopback, IPv6", true, access.Ingest, from("[::1]:5555"), 200},
		{"from loopback, mapped", true, access.Ingest, from("[::ffff:127.0.0.1]:5555"), 200},
		{"when not configured", false, access.Ingest, from("127.0.0.1:5555"), 401},
		{"from elsewhere", true, access.Ingest, from("192.0.2.1:5555"), 401},
		{"passed on by a proxy on this machine", true, access.Ingest, func(r *http.Request) {
			from("127.0.0.1:5555")(r)
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
		}, 401},
		{"a wrong token is wrong all the same", true, access.Ingest, func(r *http.Request) {
			from("127.0.0.1:5555")(r)
			header("Bearer guess")(r)
		}, 401},
		{"never for reading", true, access.Read, from("127.0.0.1:5555"), 401},
		{"never for acting", true, access.Act, from("127.0.0.1:5555"), 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			gate := newGate(func(o *access.Options) { o.OpenIngest = row.open })
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			row.set(r)
			if got := serve(gate.Require(row.need, caller), r); got.Code != row.want {
				t.Errorf("got %d, want %d", got.Code, row.want)
			}
		})
	}
}

func TestRequireElsewhere(t *testing.T) {
	gate := newGate(nil)
	for _, row := range []struct {
		name, addr, authorization string
		want                      int
	}{
		{"on this machine", "127.0.0.1:5555", "", 200},
		{"from elsewhere", "192.0.2.1:5555", "", 401},
		{"from elsewhere with a token", "192.0.2.1:5555", "Bearer " + readSecret, 200},
		{"from elsewhere with a token of another kind", "192.0.2.1:5555", "Bearer " + ingestSecret, 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			from(row.addr)(r)
			header(row.authorization)(r)
			if got := serve(gate.RequireElsewhere(access.Read, caller), r); got.Code != row.want {
				t.Errorf("got %d, want %d", got.Code, row.want)
			}
		})
	}
}

func TestCallerIsTheTokensName(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	header("Bearer " + actSecret)(r)
	if got := serve(newGate(nil).Require(access.Act, caller), r).Body.String(); got != "cli" {
		t.Errorf("got caller %q, want cli", got)
	}
}

func header(authorization string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", authorization) }
}

func from(addr string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
