package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// ErrRefused is the answer to a link or cookie that does not let in: unknown, used and expired look the same.
var ErrRefused = errors.New("refused")

// SignInPath is where a sign-in link leads.
const SignInPath = "/signin"

// Session is a browser that is signed in.
type Session struct {
	Person string // who signed in
	CSRF   string // what each form of this session must send back
}

// Allows reports whether a form bears this session's token.
func (s Session) Allows(csrf string) bool {
	return s.CSRF != "" && hmac.Equal([]byte(s.CSRF), []byte(csrf))
}

// Invite makes a sign-in link for a person and returns its path and query, to be put behind the router's own URL. The
// link signs in one browser, once, within LinkLife.
func (g *Gate) Invite(ctx context.Context, person string) (string, error) {
	secret, err := g.grant(ctx, UseLink, person, g.opts.LinkLife)
	if err != nil {
		return "", err
	}
	return SignInPath + "?" + url.Values{"t": {secret}}.Encode(), nil
}

// SignIn uses up the link with the given secret and returns the cookie of a new session, or [ErrRefused]. Any other
// error means that the store failed.
func (g *Gate) SignIn(ctx context.Context, secret string) (*http.Cookie, error) {
	link, ok, err := g.opts.Store.TakeGrant(ctx, UseLink, HashOf(secret))
	if err != nil {
		return nil, fmt.Errorf("take sign-in link: %w", err)
	}
	if !ok || !g.opts.Now().Before(link.Expires) {
		return nil, ErrRefused
	}
	session, err := g.grant(ctx, UseSession, link.Person, g.opts.SessionLife)
	if err != nil {
		return nil, err
	}
	return g.cookie(session, g.opts.SessionLife), nil
}

// Session is the session of the request's cookie, or [ErrRefused]. Any other error means that the store failed.
func (g *Gate) Session(r *http.Request) (Session, error) {
	secret, ok := g.sessionSecret(r)
	if !ok {
		return Session{}, ErrRefused
	}
	grant, ok, err := g.opts.Store.Grant(r.Context(), UseSession, HashOf(secret))
	if err != nil {
		return Session{}, fmt.Errorf("find session: %w", err)
	}
	if !ok || !g.opts.Now().Before(grant.Expires) {
		return Session{}, ErrRefused
	}
	return Session{Person: grant.Person, CSRF: csrfToken(secret)}, nil
}

// SignOut ends the request's session, if it has one, and returns a cookie that makes the browser forget it.
func (g *Gate) SignOut(r *http.Request) (*http.Cookie, error) {
	if secret, ok := g.sessionSecret(r); ok {
		if _, _, err := g.opts.Store.TakeGrant(r.Context(), UseSession, HashOf(secret)); err != nil {
			return nil, fmt.Errorf("end session: %w", err)
		}
	}
	return g.cookie("", -time.Second), nil
}

func (g *Gate) grant(ctx context.Context, use Use, person string, life time.Duration) (secret string, err error) {
	secret = NewSecret()
	err = g.opts.Store.PutGrant(ctx, Grant{
		Version: Version, Use: use, Hash: HashOf(secret), Person: person, Expires: g.opts.Now().Add(life),
	})
	if err != nil {
		return "", fmt.Errorf("store %s for %q: %w", use, person, err)
	}
	return secret, nil
}

// cookie makes the session's cookie; a negative life makes the browser drop it.
func (g *Gate) cookie(secret string, life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: g.cookieName(), Value: secret, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: g.opts.Secure, SameSite: http.SameSiteStrictMode,
	}
}

// cookieName has the prefix by which browsers promise that no other host and no plain-text page set the cookie.
func (g *Gate) cookieName() string {
	if g.opts.Secure {
		return "__Host-nezuban"
	}
	return "nezuban"
}

func (g *Gate) sessionSecret(r *http.Request) (string, bool) {
	c, err := r.Cookie(g.cookieName())
	if err != nil || c.Value == "" {
		return "", false
	}
	return c.Value, true
}

// csrfToken is derived from the session's secret, so that it need not be stored and says nothing about the secret.
func csrfToken(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("nezuban form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
