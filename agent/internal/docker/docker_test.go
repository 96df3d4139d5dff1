package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseEvent(t *testing.T) {
	at := time.Unix(0, 1795311222532241955)
	const tail = `"scope":"local","time":1795311222,"timeNano":1795311222532241955}`
	tests := []struct {
		name, line string
		want       Event
		ok         bool
		wantErr    string
	}{
		{
			name: "die",
			line: `{"status":"die","id":"0a1b","from":"load:1","Type":"container","Action":"die","Actor":{"ID":"0a1b","Attributes":{"exitCode":"137","image":"load:1","name":"web","team":"demo"}},` + tail,
			want: Event{ID: "0a1b", Action: ActionDie, At: at, Name: "web", Image: "load:1", ExitCode: 137}, ok: true,
		},
		{
			name: "kill",
			line: `{"Type":"container","Action":"kill","Actor":{"ID":"0a1b","Attributes":{"signal":"15","name":"web"}},` + tail,
			want: Event{ID: "0a1b", Action: ActionKill, At: at, Name: "web", Signal: "15"}, ok: true,
		},
		{
			name: "health",
			line: `{"Type":"container","Action":"health_status: unhealthy","Actor":{"ID":"0a1b","Attributes":{"name":"web"}},` + tail,
			want: Event{ID: "0a1b", Action: ActionHealth, At: at, Name: "web", Health: "unhealthy"}, ok: true,
		},
		{
			name: "seconds only",
			line: `{"Type":"container","Action":"start","Actor":{"ID":"0a1b","Attributes":{"name":"/web"}},"time":7}`,
			want: Event{ID: "0a1b", Action: ActionStart, At: time.Unix(7, 0), Name: "web"}, ok: true,
		},
		{
			name: "rename",
			line: `{"Type":"container","Action":"rename","Actor":{"ID":"0a1b","Attributes":{"name":"web","oldName":"/web-old"}},` + tail,
			want: Event{ID: "0a1b", Action: ActionRename, At: at, Name: "web", OldName: "web-old"}, ok: true,
		},
		{
			name: "of an image",
			line: `{"Type":"image","Action":"tag","Actor":{"ID":"sha256:0a","Attributes":{"name":"shop:2"}},` + tail,
			want: Event{OfImage: true, ID: "sha256:0a", Action: ActionTag, At: at, Image: "shop:2"}, ok: true,
		},
		{
			name: "of an image without a name",
			line: `{"Type":"image","Action":"delete","Actor":{"ID":"sha256:0a","Attributes":{"name":""}},` + tail,
			want: Event{OfImage: true, ID: "sha256:0a", Action: ActionDelete, At: at, Image: "sha256:0a"}, ok: true,
		},
		{name: "of a network", line: `{"Type":"network","Action":"connect","Actor":{"ID":"0a"},` + tail},
		{name: "of no container", line: `{"Type":"container","Action":"die","Actor":{},` + tail},
		{
			name: "exit code that is none, as a label has that name", line: `{"Type":"container","Action":"die","Actor":{"ID":"0a1b","Attributes":{"exitCode":"x"}},` + tail,
			want: Event{ID: "0a1b", Action: ActionDie, At: at, ExitCode: CodeUnknown}, ok: true,
		},
		{name: "not JSON", line: `die web`, wantErr: `docker event "die web"`},
		{name: "cut off", line: `{"Type":"container"`, wantErr: "unexpected end"},
		{name: "wrong type", line: `{"Type":7}`, wantErr: "cannot unmarshal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok, err := ParseEvent([]byte(tt.line))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, expected %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || ok != tt.ok {
				t.Fatalf("ok %v, error %v, expected ok %v", ok, err, tt.ok)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"Type":"container","Action":"die","Actor":{"ID":"0a","Attributes":{"exitCode":"1","name":"web"}},"time":1,"timeNano":1}`))
	f.Add([]byte(`{"Type":"container","Action":"health_status: healthy","Actor":{"ID":"0a"},"timeNano":-1}`))
	f.Add([]byte(`{"Type":"image"}`))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, ok, err := ParseEvent(line)
		if ok && (err != nil || e.ID == "") {
			t.Errorf("ParseEvent(%q) = %+v, %v: an event without a container or with an error", line, e, err)
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}

func TestSplitImage(t *testing.T) {
	tests := []struct{ ref, name, version string }{
		{"redis", "redis", "unknown"},
		{"redis:7", "redis", "7"},
		{"registry:5000/team/api", "registry:5000/team/api", "unknown"},
		{"registry:5000/team/api:1.2", "registry:5000/team/api", "1.2"},
		{"api@sha256:0a1b", "api", "sha256:0a1b"},
		{"api:2@sha256:0a1b", "api", "sha256:0a1b"},
		{"sha256:0a1b", "sha256:0a1b", "unknown"},
		{"redis:", "redis", "unknown"},
		{"", "", "unknown"},
	}
	for _, tt := range tests {
		if name, version := SplitImage(tt.ref); name != tt.name || version != tt.version {
			t.Errorf("SplitImage(%q) = %q, %q, expected %q, %q", tt.ref, name, version, tt.name, tt.version)
		}
	}
}

// A label with the name of an attribute is known, whoever hands the answer on; its text stays where it was, unless it is named.
func TestClaims(t *testing.T) {
	all := Inspection{}
	all.Config.Labels = map[string]string{"exitCode": "0", "oldName": "secret", "team": "demo"}
	for _, tt := range []struct {
		passes [][]string // labels that are named, by one after the other
		want   map[string]string
	}{
		{nil, all.Config.Labels},
		{[][]string{nil}, nil},
		{[][]string{nil, nil}, nil},
		{[][]string{{"team"}, {"team"}}, map[string]string{"team": "demo"}},
		{[][]string{{"team", "exitCode"}, {"exitCode"}}, map[string]string{"exitCode": "0"}},
	} {
		passed := all
		for _, named := range tt.passes {
			passed = passed.Passed(named)
		}
		if strings.Contains(fmt.Sprint(passed), "secret") != (tt.passes == nil) {
			t.Errorf("%v: %v", tt.passes, passed)
		}
		c := passed.Container()
		if diff := cmp.Diff(tt.want, c.Labels); diff != "" || c.Claims != (Claims{ExitCode: true, OldName: true}) {
			t.Errorf("%v: %+v (-want +got):\n%s", tt.passes, c.Claims, diff)
		}
	}
	none := Inspection{}
	if c := none.Passed([]string{"team"}).Container(); c.Claims != (Claims{}) || c.Labels != nil {
		t.Errorf("without labels: %+v", c)
	}
}

func TestInspection(t *testing.T) {
	tests := []struct {
		name, text string
		want       Container
		running    bool
	}{
		{
			name: "running",
			text: `{"Id":"0a1b","Name":"/web","RestartCount":2,"Config":{"Image":"load:1","Env":["SECRET=1"]},
				"HostConfig":{"NetworkMode":"default","RestartPolicy":{"Name":"always"},"AutoRemove":false},
				"State":{"Status":"running","Pid":511,"StartedAt":"2026-11-22T01:33:54.76660187Z","FinishedAt":"0001-01-01T00:00:00Z","Health":{"Status":"unhealthy","FailingStreak":4}}}`,
			want: Container{
				ID: "0a1b", Name: "web", Image: "load", Version: "1", RestartPolicy: "always", NetworkMode: "default",
				Status: "running", PID: 511, RestartCount: 2, Health: "unhealthy", FailingStreak: 4,
				StartedAt: time.Date(2026, 11, 22, 1, 33, 54, 766601870, time.UTC),
			},
			running: true,
		},
		{
			name: "exited, from an engine that leaves out the policy",
			text: `{"Id":"0a1b","Name":"/web","Config":{"Image":"load"},"HostConfig":{"AutoRemove":true},
				"State":{"Status":"exited","ExitCode":7,"OOMKilled":true,"FinishedAt":"2026-11-22T01:36:01Z"}}`,
			want: Container{
				ID: "0a1b", Name: "web", Image: "load", Version: "unknown", RestartPolicy: "no", AutoRemove: true,
				Status: "exited", ExitCode: 7, OOMKilled: true, FinishedAt: time.Date(2026, 11, 22, 1, 36, 1, 0, time.UTC),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var answer Inspection
			if err := json.Unmarshal([]byte(tt.text), &answer); err != nil {
				t.Fatal(err)
			}
			got := answer.Container()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Running() != tt.running || !got.Known() {
				t.Errorf("running %v, known %v", got.Running(), got.Known())
			}
		})
	}
}

func TestOwnsNetwork(t *testing.T) {
	for mode, want := range map[string]bool{
		"default": true, "bridge": true, "none": true, "shop_net": true, "host": false, "container:0a1b": false,
	} {
		if got := (Container{NetworkMode: mode}).OwnsNetwork(); got != want {
			t.Errorf("OwnsNetwork of %q = %v, expected %v", mode, got, want)
		}
	}
}

// engine is a server on a unix socket that answers as h does.
func engine(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = ln
	server.Start()
	t.Cleanup(server.Close)
	client := New(path)
	t.Cleanup(client.Close)
	return client
}

func TestInspectErrors(t *testing.T) {
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		want    string
		missing bool
	}{
		{name: "gone", answer: http.NotFound, want: "no such container", missing: true},
		{name: "refused", answer: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"busy"}`, http.StatusInternalServerError)
		}, want: `500 Internal Server Error: "{\"message\":\"busy\"}"`},
		{name: "not JSON", answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, want: "invalid character"},
		{name: "endless", answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxInspectBytes+1)) }, want: "longer than 4194304 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := engine(t, tt.answer).Inspect(t.Context(), "0a/../1b")
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrNotFound) != tt.missing {
				t.Errorf("error %v, expected %q", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), "docker GET /containers/0a%2F..%2F1b/json") {
				t.Errorf("error %v does not say what was asked", err)
			}
		})
	}
}

func TestClientWithoutEngine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docker.sock")
	_, err := New(path).List(t.Context())
	want := "docker GET /containers/json: dial unix " + path + ": connect: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, expected %s", err, want)
	}
}

func TestStreamSkipsWhatItCannotRead(t *testing.T) {
	const die = `{"Type":"container","Action":"die","Actor":{"ID":"0a1b","Attributes":{"exitCode":"1","name":"web"}},"timeNano":7}`
	var query string
	client := engine(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Get("since") + " " + r.URL.Query().Get("filters")
		_, _ = w.Write([]byte("{\n\n" + `{"Type":"network"}` + "\n" + die + "\n"))
	})
	stream, err := client.Events(t.Context(), time.Unix(12, 345))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	e, bad, err := stream.Next()
	if err != nil || bad == nil || e.Action != ActionDie || e.ExitCode != 1 {
		t.Errorf("Next() = %+v, %v, %v, expected the die and what was bad before it", e, bad, err)
	}
	if _, _, err := stream.Next(); !errors.Is(err, errStreamEnded) {
		t.Errorf("after the last event: %v, expected %v", err, errStreamEnded)
	}
	if !strings.HasPrefix(query, "12.000000345 ") || !strings.Contains(query, `"type":["container","image"]`) {
		t.Errorf("asked for %s", query)
	}
}

// What nobody asks for the engine does not tell.
func TestWhatIsAskedFor(t *testing.T) {
	var asked string
	client := engine(t, func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.Query().Get("filters") })
	stream, err := client.Events(t.Context(), time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	stream.Close()
	want := `{"type":["container","image"],"event":["create","start","die","oom","health_status","kill","stop","destroy","rename","pause","unpause","update",` +
		`"pull","load","import","tag","untag","delete"]}`
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStreamEndsWithContext(t *testing.T) {
	client := engine(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Events(ctx, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	cancel()
	if _, _, err := stream.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("Next() = %v, expected %v", err, context.Canceled)
	}
}

func TestTable(t *testing.T) {
	table := NewTable()
	if _, seen, up := table.Engine(); seen || up {
		t.Errorf("a new table has seen an engine")
	}
	table.Put(Container{ID: "a", Name: "web"})
	table.Put(Container{ID: "b"})
	table.Delete("b")
	table.Connected(Info{Name: "h"})
	table.Disconnected()
	if c, ok := table.Find("a"); !ok || c.Name != "web" || len(table.All()) != 1 {
		t.Errorf("found %+v of %v", c, table.All())
	}
	if e, seen, up := table.Engine(); e.Name != "h" || !seen || up {
		t.Errorf("engine %+v, seen %v, up %v", e, seen, up)
	}
	table.Replace([]Container{{ID: "c"}})
	if _, ok := table.Find("a"); ok {
		t.Error("a is still there after Replace")
	}
}
