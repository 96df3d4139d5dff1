package prometheus

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecode reads a request of 64 alerts, as Prometheus sends them at most, each of about 470 bytes.
func BenchmarkDecode(b *testing.B) {
	var alerts []string
	for i := range 64 {
		alerts = append(alerts, fmt.Sprintf(`{"labels":{"alertname":"LoadHigh","severity":"critical","instance":"web-%d.example.org:9100","job":"node","cluster":"frankfurt-1","team":"web"},`+
			`"annotations":{"summary":"the load of this host is high","description":"The load average of the last five minutes is above twice the number of its cores.",`+
			`"runbook_url":"https://runbooks.example.org/load"},"startsAt":"2026-11-22T02:58:30.123Z","endsAt":"2026-11-22T03:04:00Z","generatorURL":"http://prometheus.example.org/graph"}`, i))
	}
	body := []byte("[" + strings.Join(alerts, ",") + "]")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if list, bad, err := Decode(body, now); len(list) != 64 || len(bad) > 0 || err != nil {
			b.Fatal(len(list), bad, err)
		}
	}
}
