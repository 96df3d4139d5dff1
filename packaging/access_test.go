package packaging

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTheLinkOfTheGreetingSignsOneBrowserInOnce uses the link that a router prints when it starts, as a browser does.
func TestTheLinkOfTheGreetingSignsOneBrowserInOnce(t *testing.T) {
	s := newStack(t, oncallText, "")
	s.post(die(time.Now()))
	link := strings.TrimPrefix(s.router.await(t, 5*time.Second, 0, "^sign in: "), "sign in: ")
	secret, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"t": {secret.Query().Get("t")}}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	home := "http://" + s.addr + "/"
	if code, page := fetch(t, browser, http.MethodGet, home, nil); code != http.StatusUnauthorized || strings.Contains(page, "shop") {
		t.Errorf("before signing in: %d\n%s", code, page)
	}
	for range 2 { // a preview of the link must not use it up
		if code, _ := fetch(t, browser, http.MethodGet, link, nil); code != http.StatusOK {
			t.Errorf("the link answers %d", code)
		}
	}
	if code, page := fetch(t, browser, http.MethodPost, home+"signin", form); code != http.StatusOK || !strings.Contains(page, "container shop died") || !strings.Contains(page, "alice") {
		t.Errorf("after signing in: %d\n%s", code, page)
	}
	s.router.kill()
	s.startRouter()
	if code, _ := fetch(t, browser, http.MethodGet, home, nil); code != http.StatusOK {
		t.Errorf("a restart of the router signed the browser out: %d", code)
	}
	stranger := &http.Client{Timeout: 10 * time.Second}
	if code, _ := fetch(t, stranger, http.MethodPost, home+"signin", form); code != http.StatusUnauthorized {
		t.Errorf("the link works a second time: %d", code)
	}
}

func TestTokensOfTheBuiltRouter(t *testing.T) {
	s := newStack(t, oncallText, "")
	client := &http.Client{Timeout: 10 * time.Second}
	token := func(kind string) string {
		text, err := os.ReadFile(s.path("state/tokens/" + kind))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	tests := []struct {
		name, method, path, token string
		want                      int
	}{
		{"read without a token", http.MethodGet, "/api/v1/incidents", "", http.StatusUnauthorized},
		{"read with an ingest token", http.MethodGet, "/api/v1/incidents", token("ingest"), http.StatusUnauthorized},
		{"read with a read token", http.MethodGet, "/api/v1/incidents", token("read"), http.StatusOK},
		{"act with a read token", http.MethodPost, "/api/v1/incidents/x/ack", token("read"), http.StatusUnauthorized},
		{"act with an act token", http.MethodPost, "/api/v1/incidents/x/ack", token("act"), http.StatusNotFound},
		{"write with a wrong token, though it may be left out", http.MethodPost, "/api/v2/write", "wrong", http.StatusUnauthorized},
		{"write with a read token", http.MethodPost, "/write", token("read"), http.StatusUnauthorized},
		{"alerts with a wrong token", http.MethodPost, "/api/v2/alerts", "wrong", http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+s.addr+tt.path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if tt.token != "" {
				req.Header.Set("Authorization", "Bearer "+tt.token)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("found %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
	// What keeps a page in the browser of whoever runs the router from paging people.
	for _, path := range []string{"/api/v2/write", "/write", "/query", "/api/v2/alerts"} {
		for _, foreign := range []func(*http.Request){
			func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
			func(r *http.Request) { r.Host = "evil.example" },
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+path, strings.NewReader("[]"))
			if err != nil {
				t.Fatal(err)
			}
			foreign(req)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s of origin %q and host %q: found %d, want 403", path, req.Header.Get("Origin"), req.Host, resp.StatusCode)
			}
		}
	}
	for _, kind := range []string{"ingest", "read", "act"} {
		info, err := os.Stat(s.path("state/tokens/" + kind))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("token file %s: mode %v, %v, want 0600", kind, info.Mode(), err)
		}
	}
}

// fetch makes one request, with a form if there is one, and follows redirects.
func fetch(t *testing.T, client *http.Client, method, address string, form url.Values) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
