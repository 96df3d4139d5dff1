package dockerproxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"nezuban/agent/internal/docker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// id is a container's.
var id = strings.Repeat("0a", 32)

// engine is a scripted Docker: what it is asked, and what it answers.
type engine struct {
	path   string
	mu     sync.Mutex
	asked  []string
	answer http.HandlerFunc
}

func newEngine(t *testing.T, answer http.HandlerFunc) *engine {
	t.Helper()
	e := &engine{path: filepath.Join(t.TempDir(), "docker.sock"), answer: answer}
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "unix", e.path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.asked = append(e.asked, r.Method+" "+r.RequestURI+string(body))
		e.mu.Unlock()
		e.answer(w, r)
	})}}
	server.Start()
	t.Cleanup(server.Close)
	return e
}

// heard is what the engine was asked so far.
func (e *engine) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.asked...)
}

// text answers each question with one text.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

// logged is a log that can be read meanwhile.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve runs a proxy before an engine's socket, and returns its own and its log. It ends with the test, or with stop.
func serve(t *testing.T, path string, change func(*Proxy), labels ...string) (socket string, said *logged, stop func()) {
	t.Helper()
	said = &logged{}
	p := New(Options{Engine: path, Labels: labels, Log: slog.New(slog.NewTextHandler(said, nil))})
	if change != nil {
		change(p)
	}
	socket = filepath.Join(t.TempDir(), "proxy.sock")
	ln, err := Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, ln) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		p.Close()
	})
	t.Cleanup(stop)
	return socket, said, stop
}

// answer is what came back: its body is without the end.
type answer struct {
	status int
	closes bool // the connection
	header http.Header
	body   string
}

// send writes a request as it stands.
func send(t *testing.T, socket, request string) answer {
	t.Helper()
	conn := dial(t, socket)
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return answer{res.StatusCode, res.Close, res.Header, strings.TrimSpace(string(all))}
}

func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// get asks as curl does.
func get(t *testing.T, socket, target string) (status int, body string) {
	t.Helper()
	a := send(t, socket, "GET "+target+" HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
	return a.status, a.body
}

const filters = `filters=%7B%22type%22%3A%5B%22container%22%2C%22image%22%5D%2C%22event%22%3A%5B%22die%22%5D%7D`

// What is not one of the agent's questions is refused with 403, in Docker's own form, and never reaches Docker.
func TestOnlyTheAgentsQuestionsPass(t *testing.T) {
	line := func(first string, headers ...string) string {
		return first + " HTTP/1.1\r\nHost: d\r\n" + strings.Join(append(headers, "", ""), "\r\n")
	}
	e := newEngine(t, text("{}"))
	socket, said, _ := serve(t, e.path, nil)
	for _, request := range []string{
		line("POST /containers/create", "Content-Length: 0"),
		line("POST /containers/" + id + "/stop"),
		line("POST /containers/"+id+"/exec", "Content-Type: application/json", "Content-Length: 18") + `{"Cmd":["reboot"]}`,
		line("POST /exec/"+id+"/start", "Connection: Upgrade", "Upgrade: tcp"),
		line("DELETE /containers/" + id),
		line("PUT /containers/"+id+"/archive?path=/", "Content-Length: 0"),
		line("HEAD /containers/json?all=1"),
		line("OPTIONS *"),
		line("TRACE /info"),
		line("CONNECT d:80"),
		line("GET /containers/" + id + "/archive?path=/etc/shadow"),
		line("GET /containers/" + id + "/logs?stdout=1"),
		line("GET /containers/" + id + "/top"),
		line("GET /containers/" + id + "/export"),
		line("GET /containers/" + id + "/attach/ws"),
		line("GET /containers/" + id + "/stats"),
		line("GET /containers/" + id + "/changes"),
		line("GET /containers/web/json"),
		line("GET /containers/" + id[:12] + "/json"),
		line("GET /containers/" + strings.ToUpper(id) + "/json"),
		line("GET /containers/" + id + "/json?size=1"),
		line("GET /containers/" + id + "/json?" + strings.Repeat("a", 300)),
		line("GET /containers/" + id + "/json/"),
		line("GET //containers/" + id + "/json"),
		line("GET /containers/./" + id + "/json"),
		line("GET /containers/../containers/" + id + "/json"),
		line("GET /containers/..%2f" + id[:60] + "/json"),
		line("GET /containers/%2e%2e/info"),
		line("GET /%69nfo"),
		line("GET /info/"),
		line("GET /info#x"),
		line("GET http://d/info"),
		line("GET /v1./info"),
		line("GET /v1.41x/info"),
		line("GET /v1.1111/info"),
		line("GET /v2.0/info"),
		line("GET /v1.41/v1.41/info"),
		line("GET /containers/json"),
		line("GET /containers/json?all=0"),
		line("GET /containers/json?all=1&all=1"),
		line("GET /containers/json?all=1&size=1"),
		line("GET /containers/json?all=1;size=1"),
		line("GET /events"),
		line("GET /events?since=1.000000000"),
		line("GET /events?" + filters + "&" + filters),
		line("GET /events?" + filters + "&since=1"),
		line("GET /events?" + filters + "&since=-1.000000000"),
		line("GET /events?" + filters + "&since=99999999999999.000000000"),
		line("GET /events?" + filters + "&x=1"),
		line("GET /events?" + strings.Replace(filters, "container", "network", 1)),
		line("GET /events?" + strings.Replace(filters, "die", "exec_create", 1)),
		line("GET /events?" + filters + "%7B%7D"),
		line("GET /images/json"),
		line("GET /secrets"),
		line("GET /system/df"),
		line("GET /swarm/unlockkey"),
		line("GET /plugins"),
		line("GET /volumes"),
		line("GET /session"),
		line("GET /grpc", "Connection: Upgrade", "Upgrade: h2c"),
		line("GET /info", "Connection: upgrade", "Upgrade: h2c"),
		line("GET /info", "Connection: keep-alive, Upgrade"),
		line("GET /info", "Content-Length: 2") + "{}",
		line("GET /info", "Transfer-Encoding: chunked") + "0\r\n\r\n",
	} {
		a := send(t, socket, request)
		if a.status != http.StatusForbidden || !a.closes {
			t.Errorf("%.120q: found %d, the connection closed %v: %s", request, a.status, a.closes, a.body)
		}
		var why struct{ Message string }
		if err := json.Unmarshal([]byte(a.body), &why); !strings.HasPrefix(request, "HEAD") && (err != nil || !strings.HasPrefix(why.Message, "docker-proxy: refused: ") || len(a.body) > 900) {
			t.Errorf("%.120q: %v: %s", request, err, a.body)
		}
	}
	if heard := e.heard(); len(heard) > 0 {
		t.Errorf("Docker was asked %q", heard)
	}
	if n := strings.Count(said.String(), "refused"); n != 1 {
		t.Errorf("%d lines of the log, expected one a minute:\n%s", n, said)
	}
}

// What is no request at all gets what net/http says of it, and the next one is answered.
func TestWhatIsNoRequestHarmsNothing(t *testing.T) {
	e := newEngine(t, text(`{"Name":"d"}`))
	socket, _, _ := serve(t, e.path, nil)
	for _, rubbish := range []string{"\x16\x03\x01\x00", "GET\r\n\r\n", "GET /info HTTP/9.9\r\n\r\n", "GET /info HTTP/1.1\r\n\r\n", "GET /info HTTP/1.1\r\nHost: d\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", strings.Repeat("A", 64<<10)} {
		conn := dial(t, socket)
		_, _ = io.WriteString(conn, rubbish)
		_ = conn.(*net.UnixConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if strings.Contains(string(answer), " 200 ") {
			t.Errorf("%.60q is answered %q", rubbish, answer)
		}
	}
	if heard := e.heard(); len(heard) > 0 {
		t.Errorf("Docker was asked %q", heard)
	}
	if status, body := get(t, socket, "/info"); status != http.StatusOK || !strings.Contains(body, `"d"`) {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

// Docker is asked in the agent's own words, whatever the client's were.
func TestDockerIsAskedAnew(t *testing.T) {
	e := newEngine(t, text("{}"))
	e.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if r.URL.Path == "/containers/json" {
			fmt.Fprint(w, "[]")
			return
		}
		fmt.Fprint(w, "{}")
	}
	socket, _, _ := serve(t, e.path, nil)
	for _, tt := range []struct{ target, want string }{
		{"/_ping", "GET /_ping"},
		{"/v1.24/_ping", "GET /_ping"},
		{"/version", "GET /version"},
		{"/v1.41/info", "GET /info"},
		{"/containers/json?all=1", "GET /containers/json?all=1"},
		{"/v1.999/containers/" + id + "/json", "GET /containers/" + id + "/json"},
		{"/events?" + filters + "&until=7.000000001&since=5.000000000", "GET /events?" + filters + "&since=5.000000000&until=7.000000001"},
	} {
		before := len(e.heard())
		status, _ := get(t, socket, tt.target)
		heard := e.heard()[before:]
		if status != http.StatusOK || len(heard) != 1 || heard[0] != tt.want {
			t.Errorf("%s: found %d, and Docker was asked %q, expected %q", tt.target, status, heard, tt.want)
		}
	}
	a := send(t, socket, "HEAD /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
	if a.status != http.StatusOK || a.header.Get("Api-Version") != "1.41" || a.body != "" {
		t.Errorf("HEAD of /_ping: %+v", a)
	}
}

// inspection is what Docker may say of a container, with what must not pass in capitals.
const inspection = `{"Id":"` + "%s" + `","Name":"/web","RestartCount":3,"Args":["SECRET"],"Path":"SECRET","LogPath":"SECRET","Config":{"Image":"shop:7","Env":["TOKEN=SECRET"],"Cmd":["SECRET"],
"Entrypoint":["SECRET"],"Hostname":"SECRET","Healthcheck":{"Test":["CMD","SECRET"]},"Labels":{"team":"web","password":"SECRET"}},"Mounts":[{"Source":"SECRET"}],"HostConfig":{"AutoRemove":true,"NetworkMode":"bridge",
"Binds":["SECRET"],"RestartPolicy":{"Name":"always"}},"NetworkSettings":{"IPAddress":"SECRET"},"State":{"Status":"running","Running":true,"Pid":7,"ExitCode":1,"OOMKilled":true,"Error":"SECRET","StartedAt":"2026-11-22T02:00:00.5Z",
"FinishedAt":"2026-11-22T01:00:00Z","Health":{"Status":"healthy","FailingStreak":2,"Log":[{"Output":"SECRET"}]}}}`

// The agent hears through the proxy what it hears from Docker itself; and nothing else passes.
func TestWhatPassesIsWhatTheAgentReads(t *testing.T) {
	of := func(path string) string {
		switch path {
		case "/info":
			return `{"Name":"d1","ServerVersion":"20.10.24","NCPU":2,"MemTotal":9,"Images":4,"NFd":31,"NGoroutines":45,"NEventsListener":2,"Debug":true,"HttpProxy":"http://user:SECRET@proxy","Labels":["SECRET"],"Swarm":{"NodeID":"SECRET"}}`
		case "/version":
			return `{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64","KernelVersion":"SECRET","Components":[{"Name":"SECRET"}]}`
		case "/containers/json":
			return `[{"Id":"` + id + `","Names":["/web"],"Image":"shop:7","Command":"run --password SECRET","State":"running","Labels":{"team":"web","x":"SECRET"},"Mounts":[{"Source":"SECRET"}],"Ports":[{"IP":"SECRET"}]}]`
		default:
			return fmt.Sprintf(inspection, id)
		}
	}
	e := newEngine(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, of(r.URL.Path)) })
	for _, labels := range [][]string{nil, {"team", "none"}} {
		socket, _, _ := serve(t, e.path, nil, labels...)
		direct, through := docker.New(e.path), docker.New(socket)
		defer direct.Close()
		defer through.Close()
		for name, ask := range map[string]func(*docker.Client) (any, error){
			"info":    func(c *docker.Client) (any, error) { return c.Info(t.Context()) },
			"version": func(c *docker.Client) (any, error) { return c.Version(t.Context()) },
			"inspect": func(c *docker.Client) (any, error) { return c.Inspect(t.Context(), id) },
			"list": func(c *docker.Client) (any, error) {
				all, err := c.List(t.Context())
				for i := range all {
					all[i].Labels = nil // which pass when they are named
				}
				return all, err
			},
		} {
			want, err := ask(direct)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ask(through)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
			}
		}
		const info = `{"Name":"d1","ServerVersion":"20.10.24","NCPU":2,"MemTotal":9,"Images":4,"NFd":31,"NGoroutines":45,"NEventsListener":2}`
		if _, body := get(t, socket, "/info"); body != info {
			t.Errorf("/info: found %s, expected %s", body, info)
		}
		for _, target := range []string{"/info", "/version", "/containers/json?all=1", "/containers/" + id + "/json"} {
			status, body := get(t, socket, target)
			if status != http.StatusOK || strings.Contains(body, "SECRET") || strings.Contains(body, "TOKEN") {
				t.Errorf("%s: found %d %s", target, status, body)
			}
			if has := strings.Contains(body, `"team":"web"`); has != (len(labels) > 0 && strings.HasPrefix(target, "/containers")) {
				t.Errorf("%s, with the labels %q named: %s", target, labels, body)
			}
		}
	}
}

// Of events what the agent follows passes, without what others may have written into them.
func TestEventsPassOneByOne(t *testing.T) {
	send := make(chan string)
	e := newEngine(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case line := <-send:
				fmt.Fprintln(w, line)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	socket, said, stop := serve(t, e.path, nil, "team")
	conn := dial(t, socket)
	defer conn.Close()
	fmt.Fprintf(conn, "GET /events?%s HTTP/1.1\r\nHost: d\r\n\r\n", filters)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	message := func(action, attributes string) string {
		return `{"Type":"container","Action":"` + action + `","Actor":{"ID":"` + id + `","Attributes":{"name":"web","image":"shop:7","team":"web","password":"SECRET",` + attributes + `}},"scope":"local","from":"SECRET","time":5,"timeNano":5000000001}`
	}
	for _, tt := range []struct{ sent, want string }{
		{message("start", `"exitCode":"SECRET","signal":"SECRET"`), `"Action":"start"`},
		{message("exec_create: sh -c SECRET", `"execID":"1"`), ""},
		{message("die", `"exitCode":"137"`), `"exitCode":"137"`},
		{message("kill", `"signal":"15"`), `"signal":"15"`},
		{message("health_status: healthy", `"x":"SECRET"`), `"Action":"health_status: healthy"`},
		{message("health_status: sh -c SECRET", `"x":"SECRET"`), ""},
		{message("health_status: "+strings.Repeat("x", 30), `"x":"SECRET"`), ""},
		{`{"Type":"network","Action":"connect","Actor":{"ID":"SECRET"}}`, ""},
		{`{"Type":"container","Action":"die"`, ""},
		{"\n", ""},
		{message("destroy", `"x":"y"`), `"Action":"destroy"`},
	} {
		send <- tt.sent
		if tt.want == "" {
			continue
		}
		if !lines.Scan() {
			t.Fatalf("no line of %s", tt.sent)
		}
		if line := lines.Text(); !strings.Contains(line, tt.want) || strings.Contains(line, "SECRET") || !strings.Contains(line, `"team":"web"`) || !strings.Contains(line, `"timeNano":5000000001`) {
			t.Errorf("found %s, expected %s", line, tt.want)
		}
	}
	if n := strings.Count(said.String(), "an event of docker is left out"); n != 1 {
		t.Errorf("of the event that cannot be read the log has %d lines:\n%s", n, said)
	}
	stop() // ends the stream, and waits for it
	if lines.Scan() {
		t.Errorf("after the stop: %s", lines.Text())
	}
}

// What goes wrong at Docker is told by its kind, and in no words of Docker's.
func TestTroubleOfDocker(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		log    string
	}{
		{"no such container", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "SECRET", http.StatusNotFound) }, http.StatusNotFound, ""},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) }, http.StatusBadGateway, "cannot be handed on"},
		{"no JSON", text("<html>"), http.StatusBadGateway, "cannot be handed on"},
		{"of another type", text(`{"Id":7}`), http.StatusBadGateway, "cannot be handed on"},
		{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, http.StatusBadGateway, "cannot be handed on"},
		{"far too long", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(neverEnding('x'), 64<<20))
		}, http.StatusBadGateway, "longer than"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, http.StatusServiceUnavailable, "deadline"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine(t, tt.answer)
			socket, said, _ := serve(t, e.path, func(p *Proxy) {
				if tt.name == "no answer" { // the others take as long as they need
					p.askTimeout = 300 * time.Millisecond
				}
			})
			status, body := get(t, socket, "/containers/"+id+"/json")
			if status != tt.status || !strings.HasPrefix(body, `{"message":"docker-proxy: `) || strings.Contains(body, "SECRET") {
				t.Errorf("found %d %s, expected %d", status, body, tt.status)
			}
			if !strings.Contains(said.String(), tt.log) || tt.log == "" && said.String() != "" {
				t.Errorf("expected %q in the log:\n%s", tt.log, said)
			}
		})
	}
	t.Run("not there", func(t *testing.T) {
		socket, said, _ := serve(t, filepath.Join(t.TempDir(), "none.sock"), nil)
		for _, target := range []string{"/info", "/info", "/info"} {
			if status, body := get(t, socket, target); status != http.StatusServiceUnavailable || !strings.Contains(body, "Docker does not answer") {
				t.Errorf("%s: found %d %s", target, status, body)
			}
		}
		if n := strings.Count(said.String(), "\n"); n != 1 {
			t.Errorf("said %d times:\n%s", n, said)
		}
		if status, body := get(t, socket, "/events?"+filters); status != http.StatusServiceUnavailable || !strings.Contains(body, "Docker does not answer") {
			t.Errorf("events: found %d %s", status, body)
		}
	})
}

// neverEnding reads as one byte again and again.
type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// Streams are few, and one that ends makes room.
func TestStreamsAreBounded(t *testing.T) {
	e := newEngine(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	socket, _, _ := serve(t, e.path, nil)
	open := func() (net.Conn, int) {
		conn := dial(t, socket)
		fmt.Fprintf(conn, "GET /events?%s HTTP/1.1\r\nHost: d\r\n\r\n", filters)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // it would wait for the stream's end
		if err != nil {
			t.Fatal(err)
		}
		return conn, res.StatusCode
	}
	var conns []net.Conn
	for range maxStreams {
		conn, status := open()
		defer conn.Close()
		conns = append(conns, conn)
		if status != http.StatusOK {
			t.Fatalf("found %d", status)
		}
	}
	more, status := open()
	more.Close()
	if status != http.StatusServiceUnavailable {
		t.Errorf("one more: found %d", status)
	}
	conns[0].Close()
	for end := time.Now().Add(patience); ; {
		conn, status := open()
		conn.Close()
		if status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatal("one that ended makes no room")
		}
	}
}

// A client that takes nothing is cut off, and holds up nobody.
func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	ended := make(chan struct{})
	e := newEngine(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		line := []byte(`{"Type":"container","Action":"start","Actor":{"ID":"` + id + `","Attributes":{"name":"` + strings.Repeat("n", 4000) + `"}},"time":5}` + "\n")
		for r.Context().Err() == nil {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	socket, _, _ := serve(t, e.path, func(p *Proxy) { p.writeTimeout = 200 * time.Millisecond })
	conn := dial(t, socket)
	defer conn.Close()
	fmt.Fprintf(conn, "GET /events?%s HTTP/1.1\r\nHost: d\r\n\r\n", filters)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("its stream goes on")
	}
}

// A stop cuts off no answer that is on its way, and no client holds it up.
func TestAStopWaitsForAnswers(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	e := newEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-goOn
		fmt.Fprint(w, `{"Name":"d"}`)
	})
	socket, _, stop := serve(t, e.path, nil)
	idle := dial(t, socket)
	defer idle.Close()
	answered := make(chan string, 1)
	go func() {
		_, body := get(t, socket, "/info")
		answered <- body
	}()
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(goOn)
	<-stopped
	if body := <-answered; !strings.Contains(body, `"d"`) {
		t.Errorf("found %q", body)
	}
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket); err == nil {
		conn.Close()
		t.Error("somebody still listens")
	}
}

// lateListener has one more connection just when it is closed.
type lateListener struct {
	net.Listener
	late            net.Conn
	closed          chan struct{}
	accepted, close func()
}

func (l *lateListener) Accept() (net.Conn, error) {
	l.accepted()
	<-l.closed
	if late := l.late; late != nil {
		l.late = nil
		return late, nil
	}
	return nil, net.ErrClosed
}

func (l *lateListener) Close() error { l.close(); return l.Listener.Close() }

// A connection that comes at the moment of the stop, and asks nothing, does not hold it up.
func TestASilentConnectionAtTheStop(t *testing.T) {
	ln, err := Listen(t.Context(), filepath.Join(t.TempDir(), "proxy.sock"))
	if err != nil {
		t.Fatal(err)
	}
	client, late := net.Pipe()
	defer client.Close()
	closed := make(chan struct{})
	p := New(Options{Engine: "/nowhere", Log: quiet})
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := p.Serve(ctx, &lateListener{ln, late, closed, cancel, sync.OnceFunc(func() { close(closed) })}); err != nil {
		t.Error(err)
	}
}

// Whatever the target of a request: it is refused, or it is one of the few that are answered.
func FuzzUnderstand(f *testing.F) {
	for _, target := range []string{"/_ping", "/v1.41/info", "/containers/json?all=1", "/containers/" + id + "/json", "/events?" + filters, "/containers/../info", "/%69nfo", "*", "http://d/info"} {
		f.Add("GET", target)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		q, err := understand(&http.Request{Method: method, RequestURI: target})
		if err != nil {
			return
		}
		if method != http.MethodGet && (method != http.MethodHead || q.subject != ping) {
			t.Errorf("%s %s is taken", method, target)
		}
		path, _, _ := strings.Cut(target, "?")
		path = withoutVersion(path)
		if _, ok := plain[path]; !ok && path != "/containers/"+q.id+"/json" {
			t.Errorf("%q is taken for %+v", target, q)
		}
		if q.subject == inspect && (len(q.id) != idLength || strings.Trim(q.id, "0123456789abcdef") != "") {
			t.Errorf("%q: id %q", target, q.id)
		}
		if q.subject == events && len(q.events.Actions) == 0 {
			t.Errorf("%q asks for all events", target)
		}
	})
}
