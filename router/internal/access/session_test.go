package access_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/router/internal/access"
)

// invite makes a link and returns its secret.
func invite(t *testing.T, gate *access.Gate) string {
	t.Helper()
	link, err := gate.Invite(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil || u.Path != access.SignInPath {
		t.Fatalf("link %q: %v", link, err)
	}
	return u.Query().Get("t")
}

func TestSignInLinkWorksOnce(t *testing.T) {
	gate := newGate(nil)
	secret := invite(t, gate)
	cookie, err := gate.SignIn(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookie)
	session, err := gate.Session(r)
	if err != nil || session.Person != "alice" {
		t.Fatalf("got session %+v, %v", session, err)
	}
	if !session.Allows(session.CSRF) || session.Allows("") || session.Allows("guess") {
		t.Error("a form must bear the session's own token")
	}
	if strings.Contains(session.CSRF, cookie.Value) {
		t.Error("the form token gives the cookie away")
	}
	if _, err := gate.SignIn(t.Context(), secret); !errors.Is(err, access.ErrRefused) {
		t.Errorf("second use: got %v, want refused", err)
	}
	if _, err := gate.SignOut(r); err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Session(r); !errors.Is(err, access.ErrRefused) {
		t.Errorf("after signing out: got %v, want refused", err)
	}
}

func TestSignInLinkWorksOnceUnderConcurrency(t *testing.T) {
	gate := newGate(nil)
	secret := invite(t, gate)
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := gate.SignIn(t.Context(), secret); err == nil {
				in.Add(1)
			} else if !errors.Is(err, access.ErrRefused) {
				t.Errorf("got %v, want refused", err)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d browsers were let in by one link", in.Load())
	}
}

func TestLinksAndSessionsExpire(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	gate := newGate(func(o *access.Options) {
		o.Now = func() time.Time { return now }
		o.LinkLife, o.SessionLife = time.Minute, time.Hour
	})
	late, inTime := invite(t, gate), invite(t, gate)
	now = now.Add(time.Minute - 1)
	cookie, err := gate.SignIn(t.Context(), inTime)
	if err != nil {
		t.Fatalf("just in time: %v", err)
	}
	now = now.Add(1)
	if _, err := gate.SignIn(t.Context(), late); !errors.Is(err, access.ErrRefused) {
		t.Errorf("too late: got %v, want refused", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookie)
	now = now.Add(time.Hour - 2)
	if _, err := gate.Session(r); err != nil {
		t.Errorf("session in its last instant: %v", err)
	}
	now = now.Add(1)
	if _, err := gate.Session(r); !errors.Is(err, access.ErrRefused) {
		t.Errorf("session over: got %v, want refused", err)
	}
}

func TestCookieFlags(t *testing.T) {
	for _, secure := range []bool{false, true} {
		gate := newGate(func(o *access.Options) { o.Secure = secure })
		c, err := gate.SignIn(t.Context(), invite(t, gate))
		if err != nil {
			t.Fatal(err)
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Secure != secure || c.MaxAge <= 0 {
			t.Errorf("secure %v: got cookie %s", secure, c)
		}
		if secure != strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("secure %v: got cookie name %q", secure, c.Name)
		}
		if err := c.Valid(); err != nil {
			t.Error(err)
		}
	}
}

// spy sees what a store is given.
type spy struct {
	access.Memory
	grants []access.Grant
	fail   error
}

func (s *spy) PutGrant(ctx context.Context, g access.Grant) error {
	s.grants = append(s.grants, g)
	return errors.Join(s.fail, s.Memory.PutGrant(ctx, g))
}

func TestSecretsAreKeptAsHashes(t *testing.T) {
	store := &spy{}
	gate := newGate(func(o *access.Options) { o.Store = store })
	secret := invite(t, gate)
	cookie, err := gate.SignIn(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	want := []access.Hash{access.HashOf(secret), access.HashOf(cookie.Value)}
	for i, g := range store.grants {
		if g.Hash != want[i] || g.Version != access.Version || g.Person != "alice" {
			t.Errorf("grant %d: got %+v, want hash %s", i, g, want[i])
		}
	}
}

func TestStoreFailureIsNoRefusal(t *testing.T) {
	gate := newGate(func(o *access.Options) { o.Store = &spy{fail: errors.New("disk full")} })
	if _, err := gate.Invite(t.Context(), "alice"); err == nil || errors.Is(err, access.ErrRefused) {
		t.Errorf("got %v, want the store's error", err)
	}
}

func TestSessionOfRubbish(t *testing.T) {
	gate := newGate(nil)
	for _, value := range []string{"", "guess", access.NewSecret()} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: "nezuban", Value: value})
		if _, err := gate.Session(r); !errors.Is(err, access.ErrRefused) {
			t.Errorf("cookie %q: got %v, want refused", value, err)
		}
	}
	// A link not used yet is no cookie.
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "nezuban", Value: invite(t, gate)})
	if _, err := gate.Session(r); !errors.Is(err, access.ErrRefused) {
		t.Errorf("link as cookie: got %v, want refused", err)
	}
}
