package influx_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
)

// A server may be below a path of another one: all that it is asked is asked there.
func TestAPathOfTheAddressIsKept(t *testing.T) {
	for _, path := range []string{"/foo", "/foo/"} {
		for _, org := range []string{"", "o"} {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.Path)
				switch {
				case strings.HasSuffix(r.URL.Path, "/write"):
					w.WriteHeader(http.StatusNoContent)
				case strings.HasSuffix(r.URL.Path, "/health"):
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `{"name": "influxdb", "status": "pass"}`)
				default:
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `{"results": [], "buckets": [{"name": "b", "orgID": "1", "retentionRules": []}]}`)
				}
			}))
			output := influx.Output{Name: "a", URLs: []string{server.URL + path}, Org: org, Bucket: "b"}
			if err := influx.Ensure(t.Context(), output); err != nil {
				t.Error(err)
			}
			point := influx.Point{Measurement: "m", Fields: []influx.Field{influx.Bool("f", true)}, Time: time.Unix(1, 0)}
			if err := influx.Write(t.Context(), output, []influx.Point{point}); err != nil {
				t.Error(err)
			}
			server.Close()
			if len(asked) != 3 || slices.ContainsFunc(asked, func(p string) bool { return !strings.HasPrefix(p, "/foo/") || strings.Contains(p, "//") }) {
				t.Errorf("%s, org %q: asked %q, expected three questions below the path", path, org, asked)
			}
		}
	}
}
