package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

func TestExplain(t *testing.T) {
	said := func(status int, words string) error {
		return &influxhttp.Error{StatusCode: status, Code: "nope", Message: words, Header: http.Header{}}
	}
	leading := func(to string) error {
		return &influxhttp.Error{StatusCode: http.StatusFound, Message: "moved to " + to, Header: http.Header{"Location": {to}}}
	}
	const leads = "answered 302, a redirect to %q, which is not followed: name the right address"
	tests := map[string]struct {
		output Output
		err    error
		want   string
	}{
		"no token":            {Output{}, said(401, "who?"), "answered 401, and no token and no user is configured: nope: who?"},
		"no token, forbidden": {Output{}, said(403, "who?"), "answered 403, and no token and no user is configured: nope: who?"},
		"token":               {Output{Token: "t"}, said(401, "who?"), "token refused: nope: who?"},
		"user":                {Output{Username: "u"}, said(401, "who?"), "user or password refused: nope: who?"},
		"a page":              {Output{}, said(500, strings.Repeat("<p>ä\n", 20_000)), "answered 500: nope: " + strings.Repeat("<p>ä ", 49) + "…"},
		"several lines":       {Output{}, errors.Join(said(404, "no\r\n\tdatabase"), errors.New("nor made")), "answered 404: nope: no database nor made"},
		"slow":                {Output{}, &slowError{context.DeadlineExceeded}, "did not answer within 10s: context deadline exceeded"},
		"redirect":            {Output{}, leading("https://sso.example/login?ticket=s3cret#s3cret"), fmt.Sprintf(leads, "https://sso.example/login")},
		"with a user":         {Output{}, leading("https://u:s3cret@db.example:8086/x"), fmt.Sprintf(leads, "https://db.example:8086/x")},
		"relative":            {Output{}, leading("/login?ticket=s3cret"), fmt.Sprintf(leads, "/login")},
		"opaque":              {Output{}, leading("mailto:s3cret@example.org"), fmt.Sprintf(leads, "mailto:…")},
		"no address":          {Output{}, leading("https://s3cret:%zz"), fmt.Sprintf(leads, "what is no address")},
	}
	for name, test := range tests {
		err := test.output.explain(test.err)
		if err.Error() != test.want || statusOf(err) != statusOf(test.err) {
			t.Errorf("%s: found %q with status %d, expected %q", name, err, statusOf(err), test.want)
		}
	}
}

// A page instead of a reason does not go into the log whole.
func TestRefusalsAreSaidInShort(t *testing.T) {
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) {
		http.Error(w, strings.Repeat("<p>no\n", 10_000), http.StatusBadRequest)
	})
	w := newRig(t, WriterOptions{}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	w.Write(sample(0))
	await(t, "the refusal", func() bool { return w.log.count("server refused lines") == 1 })
	if n := len(w.log.String()); n > 1000 {
		t.Errorf("found %d bytes in the log", n)
	}
}

// A batch that is refused for good ends no trouble, and is one itself, until a batch is accepted.
func TestARefusalIsNotTheEndOfATrouble(t *testing.T) {
	var answer atomic.Int32
	answer.Store(http.StatusServiceUnavailable)
	server := newFakeServer(t, func(w http.ResponseWriter, _ string) { w.WriteHeader(int(answer.Load())) })
	w := newRig(t, WriterOptions{}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db"})
	failing := func() bool { return w.set.GetOrCreateGauge(`nezuban_output_failing{output="db"}`, nil).Get() == 1 }
	accept := func(i int) {
		t.Helper()
		answer.Store(http.StatusNoContent)
		w.WriteNow(sample(i))
		await(t, "the line", func() bool { return slices.Contains(server.accepted(), sampleLine(i)) })
		await(t, "the end of it", func() bool { return !failing() })
	}
	refused := func(i, status int) {
		t.Helper()
		before := w.figure("db", "lines_refused_total")
		answer.Store(int32(status))
		w.WriteNow(sample(i))
		await(t, "the refusal", func() bool { return w.figure("db", "lines_refused_total") == before+1 })
		await(t, "that it fails", failing)
	}
	w.Write(sample(0))
	await(t, "the trouble", failing)
	answer.Store(http.StatusBadRequest)
	await(t, "the refusal", func() bool { return w.figure("db", "lines_refused_total") == 1 })
	refused(1, http.StatusRequestEntityTooLarge)
	if !failing() || w.log.count("trouble is over") != 0 {
		t.Errorf("found the trouble over:\n%s", w.log)
	}
	accept(2)
	if w.log.count("trouble is over") != 1 {
		t.Errorf("expected the end of the trouble:\n%s", w.log)
	}
	refused(3, http.StatusUnprocessableEntity)
	accept(4)
}
