package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/ingest"
)

func TestWrite(t *testing.T) {
	for _, row := range []struct {
		name, path, body string
		headers          map[string]string
		status           int
		points           int
		message          string // part of it
	}{
		{"one line", "/api/v2/write?org=o&bucket=b", "m v=1\n", nil, 204, 1, ""},
		{"1.x", "/write?db=d", "m v=1", nil, 204, 1, ""},
		{"empty body", "/api/v2/write", "", nil, 204, 0, ""},
		{"comments and blank lines", "/api/v2/write", "# hello\n\nm v=1\n", nil, 204, 1, ""},
		{
			"bad lines among good ones", "/api/v2/write", "m v=1\nbad line here\nm v=2 12\nm v=\n", nil, 400, 2,
			"partial write: line 2: unable to parse 'bad line here': ",
		},
		{"nothing but bad lines", "/api/v2/write", "bad", nil, 400, 0, "line 1: unable to parse 'bad': "},
		{"unknown precision", "/api/v2/write?precision=h", "m v=1", nil, 400, 0, `invalid precision "h" (use ns, us, ms or s)`},
		{"gzip that is none", "/api/v2/write", "m v=1", map[string]string{"Content-Encoding": "gzip"}, 400, 0, "decompress request body"},
		{"unknown encoding", "/api/v2/write", "m v=1", map[string]string{"Content-Encoding": "br"}, 415, 0, `content encoding "br"`},
		{"identity", "/api/v2/write", "m v=1", map[string]string{"Content-Encoding": "identity"}, 204, 1, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &sink{}
			got := post(ingest.LineProtocol(options(s)), row.path, strings.NewReader(row.body), row.headers)
			if got.Code != row.status || len(s.points) != row.points {
				t.Fatalf("got %d with %d points, want %d with %d: %s", got.Code, len(s.points), row.status, row.points, got.Body)
			}
			if message := influxMessage(t, got.Body.Bytes()); !strings.Contains(message, row.message) {
				t.Errorf("got message %q, want %q in it", message, row.message)
			}
		})
	}
}

func TestTimesOfAnotherPrecisionAreSaid(t *testing.T) {
	s := &sink{}
	o := options(s)
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	handler := ingest.LineProtocol(o)
	seconds := fmt.Sprintf("cpu usage=99 %[1]d\ncpu usage=98 %[1]d", o.Now().Unix())
	for range 2 {
		if got := post(handler, "/api/v2/write", strings.NewReader(seconds), nil); got.Code != 204 {
			t.Fatalf("found %d", got.Code)
		}
	}
	if said := log.String(); strings.Count(said, "cpu: found 1970-01-") != 1 || !strings.Contains(said, "does the sender name the precision") {
		t.Errorf("found %s", said)
	}
	log.Reset()
	post(handler, "/api/v2/write?precision=s", strings.NewReader(seconds), nil)
	if log.Len() > 0 {
		t.Errorf("of times that are right it says %s", log.String())
	}
	var out bytes.Buffer
	o.Metrics.WritePrometheus(&out)
	if !strings.Contains(out.String(), "nezuban_ingest_far_off_points_total 4\n") {
		t.Errorf("found %s", out.String())
	}
}

// influxMessage is the message of an error answer in 2.x's form; "" for an empty body.
func influxMessage(t *testing.T, body []byte) string {
	t.Helper()
	if len(body) == 0 {
		return ""
	}
	var answer struct{ Code, Message string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Code == "" || answer.Message == "" {
		t.Fatalf("answer %q: %v, want code and message", body, err)
	}
	return answer.Message
}

func TestWriteErrorOf1x(t *testing.T) {
	got := post(ingest.LineProtocol(options(&sink{})), "/write?db=d", strings.NewReader("m v=1\nbad"), nil)
	var answer struct{ Error string }
	if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || !strings.HasPrefix(answer.Error, "partial write: line 2: ") {
		t.Errorf("got %s, %v, want an error for line 2", got.Body, err)
	}
}

func TestPrecision(t *testing.T) {
	want := time.Date(2026, 11, 22, 2, 45, 23, 0, time.UTC)
	for precision, unit := range map[string]time.Duration{
		"": time.Nanosecond, "ns": time.Nanosecond, "n": time.Nanosecond, "us": time.Microsecond, "u": time.Microsecond, "ms": time.Millisecond, "s": time.Second,
	} {
		s := &sink{}
		line := fmt.Sprintf("m v=1 %d", want.UnixNano()/int64(unit))
		if got := post(ingest.LineProtocol(options(s)), "/api/v2/write?precision="+precision, strings.NewReader(line), nil); got.Code != 204 {
			t.Fatalf("%q: got %d: %s", precision, got.Code, got.Body)
		}
		if !s.points[0].Time.Equal(want) {
			t.Errorf("precision %q: got %s, want %s", precision, s.points[0].Time, want)
		}
	}
}

func TestLineWithoutTimeGetsNow(t *testing.T) {
	s := &sink{}
	post(ingest.LineProtocol(options(s)), "/api/v2/write", strings.NewReader("m v=1"), nil)
	if diff := cmp.Diff(now, s.points[0].Time); diff != "" {
		t.Error(diff)
	}
}

func TestWriteTooLarge(t *testing.T) {
	const limit = 10_000
	big := []byte(strings.Repeat("m v=1\n", limit/6+1))
	bomb := gzipped(t, bytes.Repeat([]byte("m v=1\n"), 1<<20/6))
	for _, row := range []struct {
		name   string
		body   []byte
		gzip   bool
		status int
	}{
		{"just within", big[:9_996], false, 204},
		{"plain", big, false, 413},
		{"gzip within, plain over", gzipped(t, big), true, 413},
		{"bomb", bomb, true, 413},
		{"gzip over", gzipped(t, []byte(noise(40_000))), true, 413},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", row.name, chunked), func(t *testing.T) {
				s := &sink{}
				o := options(s)
				o.Limits = ingest.Limits{Compressed: limit, Plain: limit}
				headers := map[string]string{}
				if row.gzip {
					headers["Content-Encoding"] = "gzip"
				}
				var body io.Reader = bytes.NewReader(row.body)
				if chunked {
					body = &onlyReader{bytes.NewReader(row.body)}
				}
				got := post(ingest.LineProtocol(o), "/api/v2/write", body, headers)
				if got.Code != row.status {
					t.Fatalf("got %d, want %d: %.200s", got.Code, row.status, got.Body)
				}
				if row.status == 413 {
					if message := influxMessage(t, got.Body.Bytes()); !strings.Contains(message, "too large") || len(s.points) > 0 {
						t.Errorf("got %q and %d points", message, len(s.points))
					}
				}
			})
		}
	}
}

// onlyReader hides a body's length.
type onlyReader struct{ r *bytes.Reader }

func (o *onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }

// noise is text that does not compress well.
func noise(n int) string {
	var b strings.Builder
	state := uint32(1)
	for b.Len() < n {
		state = state*1664525 + 1013904223
		fmt.Fprintf(&b, "m v=%d\n", state)
	}
	return b.String()
}

func TestWriteNotTaken(t *testing.T) {
	s := &sink{fail: errors.New("etcd is away")}
	got := post(ingest.LineProtocol(options(s)), "/api/v2/write", strings.NewReader("m v=1\nbad"), nil)
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
		t.Errorf("got %d with Retry-After %q, want 503 with one", got.Code, got.Header().Get("Retry-After"))
	}
	if !strings.Contains(got.Body.String(), `"code":"unavailable"`) || strings.Contains(got.Body.String(), "etcd") {
		t.Errorf("got %s, want code unavailable and nothing about our inside", got.Body)
	}
}

func TestTroubleIsSaidOnce(t *testing.T) {
	var log bytes.Buffer
	s := &sink{fail: errors.New("etcd is away")}
	o := options(s)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := ingest.LineProtocol(o)
	for range 10 {
		post(h, "/api/v2/write", strings.NewReader("m v=1"), nil)
	}
	s.fail = nil
	for range 10 {
		post(h, "/api/v2/write", strings.NewReader("m v=1"), nil)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 2 {
		t.Errorf("got %d lines, want one when it began and one when it ended:\n%s", lines, &log)
	}
}

func TestBadLinesAreNamedWithinBounds(t *testing.T) {
	long := strings.Repeat("x", 5000)
	got := post(ingest.LineProtocol(options(&sink{})), "/api/v2/write", strings.NewReader("m v=1\n"+strings.Repeat(long+"\n", 50)), nil)
	message := influxMessage(t, got.Body.Bytes())
	if len(message) > 4000 || !strings.Contains(message, "line 11: ") || !strings.Contains(message, "and 40 more") || !strings.HasSuffix(message, "dropped=50") {
		t.Errorf("got %d bytes: %s", len(message), message)
	}
	if h := got.Header().Get("X-Influxdb-Error"); h == "" || strings.ContainsAny(h, "\r\n") {
		t.Errorf("header %q", h)
	}
}

func TestWriteRefusesOtherMethods(t *testing.T) {
	r, _ := http.NewRequest(http.MethodGet, "/api/v2/write", nil)
	w := newRecorder()
	ingest.LineProtocol(options(&sink{})).ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte("m,t=a v=1 1\nbad\n"), false)
	f.Add(gzipped(f, []byte("m v=1i,s=\"x\"\n")), true)
	f.Add([]byte("\x00\n\xff v=1\n"), false)
	f.Fuzz(func(t *testing.T, body []byte, gz bool) {
		headers := map[string]string{}
		if gz {
			headers["Content-Encoding"] = "gzip"
		}
		o := options(&sink{})
		o.Limits = ingest.Limits{Compressed: 1 << 16, Plain: 1 << 16}
		switch got := post(ingest.LineProtocol(o), "/api/v2/write", bytes.NewReader(body), headers); got.Code {
		case 204:
		case 400, 413:
			influxMessage(t, got.Body.Bytes())
		default:
			t.Errorf("got %d: %s", got.Code, got.Body)
		}
	})
}
