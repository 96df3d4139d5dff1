package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestApply drives the program against servers that answer as a router does, or as one should not. The real router is
// asked in packaging.
func TestApply(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/apply",
		Setup: func(env *testscript.Env) error {
			r := &playedRouter{silent: map[string]int{}}
			plain, encrypted := httptest.NewServer(r), httptest.NewTLSServer(r)
			env.Defer(plain.Close)
			env.Defer(encrypted.Close)
			env.Values["router"] = r
			env.Setenv("ROUTER", plain.URL)
			env.Setenv("TLS", encrypted.URL)
			env.Setenv("GONE", "http://127.0.0.1:1")
			env.Setenv("OTHER", strings.Replace(plain.URL, "127.0.0.1", "0.0.0.0", 1)) // this machine, by an address that is not loopback's
			env.Setenv("USER", "alice")
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw})
			return os.WriteFile(filepath.Join(env.WorkDir, "ca.pem"), ca, 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exit-code": exitCode, "received": received},
	})
}

// received checks how many requests came so far of those that are answered, that no other came twice, and that the last one held
// these words: received 2 by=alice.
func received(ts *testscript.TestScript, _ bool, args []string) {
	r := ts.Value("router").(*playedRouter)
	r.mu.Lock()
	defer r.mu.Unlock()
	if want, err := strconv.Atoi(args[0]); err != nil || len(r.requests) != want {
		ts.Fatalf("found %d requests, want %s: %q", len(r.requests), args[0], r.requests)
	}
	for how, n := range r.silent {
		if n > 1 {
			ts.Fatalf("found %d requests for %s, want one: that may have taken effect", n, how)
		}
	}
	for _, word := range args[1:] {
		if last := r.requests[len(r.requests)-1]; !strings.Contains(last, word) {
			ts.Fatalf("the last request is %q, want %q in it", last, word)
		}
	}
}

// playedRouter answers by the first part of the path.
type playedRouter struct {
	mu       sync.Mutex
	requests []string
	silent   map[string]int // requests that get no answer, by how: whoever waits for a short time alone may be gone before one comes
}

func (p *playedRouter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	how, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	p.mu.Lock()
	if how == "hang" || how == "drip" {
		p.silent[how]++
	} else {
		p.requests = append(p.requests, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
	}
	p.mu.Unlock()
	say := func(status int, body string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	if status, err := strconv.Atoi(how); err == nil {
		say(status, "<html>\x1b[31m")
		return
	}
	switch how {
	case "hang":
		_, _ = io.Copy(io.Discard, r.Body) // a server sees that the client is gone once it has read the body
		<-r.Context().Done()
	case "drip":
		_, _ = io.Copy(io.Discard, r.Body)
		say(http.StatusOK, `{"hash":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case "endless":
		w.WriteHeader(http.StatusOK)
		for chunk := []byte(strings.Repeat(" ", 1<<20)); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case "redirect":
		http.Redirect(w, r, "/good/api/v1/rotation", http.StatusTemporaryRedirect)
	case "refuse":
		say(http.StatusUnprocessableEntity, `{"code":"refused","message":"the last good one stays in force","problems":["oncall.toml:1: zone: found \"\u001b[31m\"","oncall.toml:2: no"]}`)
	case "disk":
		say(http.StatusConflict, `{"code":"conflict","message":"this router takes the rotation file from its own disk"}`)
	case "large":
		say(http.StatusRequestEntityTooLarge, `{"code":"too large","message":"found more than 524288 bytes"}`)
	case "down":
		say(http.StatusServiceUnavailable, `{"code":"unavailable","message":"try again later"}`)
	case "html":
		say(http.StatusOK, "<html>")
	default:
		p.accept(w, r, how)
	}
}

// accept says that a file is in force: the one that came, unless it plays a liar.
func (p *playedRouter) accept(w http.ResponseWriter, r *http.Request, how string) {
	text, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Authorization") != "Bearer top-secret" {
		http.Error(w, `{"code":"unauthorized","message":"unauthorized access"}`, http.StatusUnauthorized)
		return
	}
	if how == "liar" {
		text = append(text, '#')
	}
	sum := sha256.Sum256(text)
	answer := map[string]any{"hash": hex.EncodeToString(sum[:]), "since": "2026-11-24T12:00:00Z", "name": "oncall.toml", "already": how == "already"}
	if how == "warn" {
		answer["warnings"] = []string{"oncall.toml:3: people.alice: found channel \"sms\"\x1b[31m"}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
