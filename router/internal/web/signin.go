package web

import (
	"errors"
	"fmt"
	"net/http"

	"nezuban/router/internal/access"
)

// maxForm bounds a form's body, in bytes.
const maxForm = 64 << 10

// signInPage shows the button that uses the link up: opening the link, as mail scanners and previews do, changes nothing.
func (s *site) signInPage(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusOK, "signin.html", r.URL.Query().Get("t"))
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	cookie, err := s.Gate.SignIn(r.Context(), r.PostFormValue("t"))
	if err != nil {
		s.refuse(w, r, err, "This link does not let you in. A link works once and not for long: make a new one with nezuban-router signin.")
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request, session access.Session) {
	if !s.allowed(w, r, session) {
		return
	}
	cookie, err := s.Gate.SignOut(r)
	if err != nil {
		s.refuse(w, r, err, "")
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// signedIn lets through to next browsers that are signed in; the others are told how to get in.
func (s *site) signedIn(next func(http.ResponseWriter, *http.Request, access.Session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := s.Gate.Session(r)
		if err != nil {
			s.refuse(w, r, err, "You are not signed in. Open a sign-in link: the router prints one when it starts, and nezuban-router signin makes another.")
			return
		}
		next(w, r, session)
	}
}

// allowed reports whether a form was made for this session, and answers when it was not.
func (s *site) allowed(w http.ResponseWriter, r *http.Request, session access.Session) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](r.ParseForm()); ok {
		s.message(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("Nothing was done: this form has more than %d bytes. Go back and write less.", tooLarge.Limit))
		return false
	}
	if session.Allows(r.PostFormValue("csrf")) {
		return true
	}
	s.message(w, http.StatusForbidden, "This form is out of date. Go back, load the page again and repeat.")
	return false
}

// refuse answers an error of the gate: refused, with the text, or a store that failed.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, err error, refused string) {
	if errors.Is(err, access.ErrRefused) {
		s.message(w, http.StatusUnauthorized, refused)
		return
	}
	s.Log.ErrorContext(r.Context(), "sign-in state not available", "error", err)
	s.message(w, http.StatusServiceUnavailable, "The router cannot reach its own state now. Try again in a moment.")
}
