package web

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"nezuban/agent/tomlfile"
	"nezuban/router/internal/access"
)

// longestName bounds the name of who acts, in characters.
const longestName = 200

// person reads the name of a person, without the white space around it; "" is none. One that can be none is refused rather
// than altered: it stands in timelines and messages.
func person(field, text string) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > longestName {
		return "", fmt.Errorf("%s: found %d characters, expected at most %d", field, n, longestName)
	}
	breaks := func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	}
	if strings.ContainsFunc(text, breaks) || !utf8.ValidString(text) {
		return "", fmt.Errorf("%s: found %q, expected a name on one line, without control characters", field, text)
	}
	return text, nil
}

// actor is in whose name a request acts: who it says, else the token's name. A name that can be none is answered with 400,
// and ok is false.
func actor(w http.ResponseWriter, r *http.Request, by string) (name string, ok bool) {
	name, err := person("by", by)
	if err != nil {
		refuse(w, err)
		return "", false
	}
	if name == "" {
		caller, _ := access.CallerOf(r.Context())
		name = caller.Name
	}
	return name, true
}

// strange says that a request names somebody whom the rotation file in force does not have. That hinders nothing: who has
// left, or a program, may act too.
func (s *site) strange(name string) []string {
	if name = strings.TrimSpace(name); name == "" || s.File == nil {
		return nil
	}
	f := s.File()
	if f == nil {
		return nil
	}
	if _, known := f.Person(name); known {
		return nil
	}
	var names []string
	for _, p := range f.People() {
		names = append(names, p.Name)
	}
	return []string{name + " is not in the rotation file" + tomlfile.DidYouMean(name, names)}
}
