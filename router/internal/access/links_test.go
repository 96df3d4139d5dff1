package access_test

import (
	"bytes"
	"strings"
	"testing"

	"nezuban/router/internal/access"
)

func TestALinkIsForOneActionOnePageAndOnePerson(t *testing.T) {
	links := access.NewLinks(bytes.Repeat([]byte{7}, 32))
	token := links.Token(access.ActLink, "01JD-0", "alice")
	for _, row := range []struct {
		name         string
		links        *access.Links
		action       access.Action
		page, person string
		token        string
		want         bool
	}{
		{"as made", links, access.ActLink, "01JD-0", "alice", token, true},
		{"another action", links, access.ActKey, "01JD-0", "alice", token, false},
		{"another page", links, access.ActLink, "01JD-1", "alice", token, false},
		{"another person", links, access.ActLink, "01JD-0", "bob", token, false},
		{"parts that run together", links, access.ActLink, "01JD-0a", "lice", token, false},
		{"another router's key", access.NewLinks(bytes.Repeat([]byte{8}, 32)), access.ActLink, "01JD-0", "alice", token, false},
		{"none", links, access.ActLink, "01JD-0", "alice", "", false},
		{"cut off", links, access.ActLink, "01JD-0", "alice", token[:20], false},
		{"longer", links, access.ActLink, "01JD-0", "alice", token + "A", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.links.Allows(row.action, row.page, row.person, row.token); got != row.want {
				t.Errorf("allows %v, want %v", got, row.want)
			}
		})
	}
}

func TestACodeIsForOnePageAndOnePerson(t *testing.T) {
	links := access.NewLinks(bytes.Repeat([]byte{7}, 32))
	code := links.Code("01JD-0", "alice")
	if len(code) != 6 || strings.ContainsAny(code, "01IO") {
		t.Errorf("found %q", code)
	}
	for _, row := range []struct {
		name, page, person, code string
		want                     bool
	}{
		{"as made", "01JD-0", "alice", code, true},
		{"in small letters", "01JD-0", "alice", strings.ToLower(code), true},
		{"another page", "01JD-1", "alice", code, false},
		{"another person", "01JD-0", "bob", code, false},
		{"none", "01JD-0", "alice", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := links.AllowsCode(row.page, row.person, row.code); got != row.want {
				t.Errorf("allows %v, want %v", got, row.want)
			}
		})
	}
}
