package probe

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"nezuban/agent/influx"
)

// BenchmarkProbe is one check from the request to its line of line protocol, against a server on loopback that
// answers with 110 bytes of JSON. The server's own cost is in it.
func BenchmarkProbe(b *testing.B) {
	body := `{"status":"ok","version":"1.2.3","uptime":123456,"checks":{"database":"ok","queue":"ok","cache":"ok"},"pad":""}`
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	plain := httptest.NewServer(answer)
	defer plain.Close()
	secure := httptest.NewTLSServer(answer)
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())

	for _, bb := range []struct{ name, url string }{{"plain", plain.URL}, {"tls", secure.URL}} {
		b.Run(bb.name, func(b *testing.B) {
			p := newProber(Options{RootCAs: roots})
			c := checkOf(bb.url)
			var line []byte
			b.ReportAllocs()
			for b.Loop() {
				r, err := p.Probe(b.Context(), c)
				if err != nil || !r.OK() {
					b.Fatal(r.Outcome, r.Error, err)
				}
				if line, err = influx.Encode(line[:0], []influx.Point{r.Point()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
