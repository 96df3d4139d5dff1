package access_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"nezuban/router/internal/access"
)

func TestGuard(t *testing.T) {
	gate := newGate(func(o *access.Options) { o.Hosts = []string{"Router.Example"} })
	for _, row := range []struct {
		name, method, host string
		headers            map[string]string
		want               int
	}{
		{"loopback address", "GET", "127.0.0.1:17070", nil, 200},
		{"loopback address, IPv6", "GET", "[::1]:17070", nil, 200},
		{"localhost", "GET", "localhost:17070", nil, 200},
		{"configured name", "GET", "router.example", nil, 200},
		{"configured name, other case, port and final dot", "GET", "ROUTER.example.:443", nil, 200},
		{"foreign name", "GET", "evil.example:17070", nil, 403},
		{"name that begins like ours", "GET", "router.example.evil.example", nil, 403},
		{"name that looks like an address", "GET", "127.0.0.1.evil.example", nil, 403},
		{"no name", "GET", "", nil, 403},
		{"POST by a program", "POST", "localhost:17070", nil, 200},
		{"POST from our own page", "POST", "localhost:17070", map[string]string{"Origin": "http://localhost:17070"}, 200},
		{"POST from a foreign page", "POST", "localhost:17070", map[string]string{"Origin": "http://evil.example"}, 403},
		{"POST from another port", "POST", "localhost:17070", map[string]string{"Origin": "http://localhost:8080"}, 403},
		{"POST from a page without origin", "POST", "localhost:17070", map[string]string{"Origin": "null"}, 403},
		{"POST that the browser calls cross-site", "POST", "localhost:17070", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"POST that the browser calls same-site", "POST", "localhost:17070", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"DELETE from a foreign page", "DELETE", "localhost:17070", map[string]string{"Origin": "http://evil.example"}, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, "/", nil)
			r.Host = row.host
			for k, v := range row.headers {
				r.Header.Set(k, v)
			}
			got := serve(gate.Guard(caller), r)
			if got.Code != row.want {
				t.Errorf("got %d, want %d", got.Code, row.want)
			}
			if row.want == http.StatusForbidden && got.Body.String() != "forbidden\n" {
				t.Errorf("the refusal says more than that: %q", got.Body)
			}
		})
	}
}
