package influx

import (
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// A query whose answer is packed leaves no connection and no goroutine behind; the client alone would, for as long as a request may take.
func TestAQueryLeavesNothingBehind(t *testing.T) {
	const answer = "#datatype,string,long,dateTime:RFC3339,long\r\n#group,false,false,false,false\r\n#default,_result,,,\r\n" +
		",result,table,_time,_value\r\n,,0,2026-11-29T10:00:00Z,7\r\n\r\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = packed.Write([]byte(answer))
			_ = packed.Close()
			return
		}
		t.Error("asked for an answer that is not packed")
	}))
	t.Cleanup(server.Close)
	before := goleak.IgnoreCurrent()
	rows, err := Query(t.Context(), Output{URLs: []string{server.URL}}, "from()")
	if err != nil || len(rows) != 1 || rows[0]["_value"] != int64(7) {
		t.Errorf("found %v, %v", rows, err)
	}
	goleak.VerifyNone(t, before)
}
