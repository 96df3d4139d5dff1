package dockerproxy

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/internal/docker"
	"nezuban/packaging/testenv"
)

var quiet = slog.New(slog.DiscardHandler)

// post asks the real Docker for something that the proxy does not let pass.
func post(t *testing.T, path, method, target, body string) (status int, answer string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	req, err := http.NewRequestWithContext(context.Background(), method, "http://docker"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(all)
}

// The real Docker: the agent reads through the proxy what it reads from Docker itself, its events too; no secret of a container
// passes, and nothing can be done to it.
func TestTheRealDocker(t *testing.T) {
	path, image := testenv.Docker(t), testenv.DockerImage(t)
	name := "nz-proxy-" + strings.ToLower(rand.Text()[:10])
	spec := `{"Image":"` + image + `","Cmd":["sleep"],"Env":["TOKEN=SECRET"],"Labels":{"password":"SECRET","team":"web"},"Healthcheck":{"Test":["CMD","/testload","exit","0"],"Interval":1000000000}}`
	status, answer := post(t, path, http.MethodPost, "/containers/create?name="+name, spec)
	if status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	t.Cleanup(func() { post(t, path, http.MethodDelete, "/containers/"+name+"?force=1", "") })
	var created struct {
		ID string `json:"Id"`
	}
	if err := json.Unmarshal([]byte(answer), &created); err != nil {
		t.Fatal(err)
	}
	socket, _, _ := serve(t, path, nil, "team")
	direct, through := docker.New(path), docker.New(socket)
	defer direct.Close()
	defer through.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience) // for all of it, while others keep Docker busy
	defer cancel()
	stream, err := through.Events(ctx, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if status, answer := post(t, path, http.MethodPost, "/containers/"+name+"/start", ""); status != http.StatusNoContent {
		t.Fatal(status, answer)
	}
	var healthy bool
	for started := false; !started || !healthy; {
		e, bad, err := stream.Next()
		if bad != nil || err != nil {
			t.Fatal(bad, err)
		}
		if e.ID == created.ID {
			started = started || e.Action == docker.ActionStart && e.Name == name
			healthy = healthy || e.Action == docker.ActionHealth && e.Health == "healthy"
		}
	}
	for what, ask := range map[string]func(*docker.Client) (any, error){
		"info": func(c *docker.Client) (any, error) {
			i, err := c.Info(ctx)
			if i.NFd <= 0 || i.NGoroutines <= 0 || i.NEventsListener <= 0 {
				t.Errorf("of its own process Docker says %+v", i)
			}
			i.NFd, i.NGoroutines, i.NEventsListener = 0, 0, 0 // which may change between two answers
			return i, err
		},
		"version": func(c *docker.Client) (any, error) { return c.Version(ctx) },
		"inspect": func(c *docker.Client) (any, error) { return c.Inspect(ctx, created.ID) },
		"ping":    func(c *docker.Client) (any, error) { return c.Ping(ctx) },
	} {
		want, err := ask(direct)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ask(through)
		for now, failed := ask(direct); failed == nil && !cmp.Equal(want, now); now, failed = ask(direct) { // others import an image, say
			want = now
			got, err = ask(through)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
	for _, target := range []string{"/info", "/version", "/containers/json?all=1", "/containers/" + created.ID + "/json"} {
		status, body := get(t, socket, target)
		if status != http.StatusOK || strings.Contains(body, "SECRET") || strings.Contains(body, "Env") || strings.Contains(body, "Cmd") {
			t.Errorf("%s: %d %s", target, status, body)
		}
		if strings.HasPrefix(target, "/containers") && (!strings.Contains(body, created.ID) || !strings.Contains(body, `"team":"web"`)) {
			t.Errorf("%s: %s", target, body)
		}
	}
	for _, tt := range [][2]string{
		{http.MethodPost, "/containers/" + created.ID + "/stop"},
		{http.MethodPost, "/containers/" + created.ID + "/exec"},
		{http.MethodDelete, "/containers/" + created.ID + "?force=1"},
		{http.MethodGet, "/containers/" + created.ID + "/logs?stdout=1"},
		{http.MethodGet, "/containers/" + created.ID + "/archive?path=/"},
		{http.MethodGet, "/containers/" + created.ID + "/top"},
	} {
		if status, body := post(t, socket, tt[0], tt[1], ""); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", tt, status, body)
		}
	}
	if c, err := direct.Inspect(ctx, created.ID); err != nil || !c.Running() {
		t.Errorf("it is %s, %v", c.Status, err)
	}
}
