package check

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ExpectedName says in a message what [ValidName] wants.
const ExpectedName = "a name of 1 to 64 printable characters, without backslashes and without blanks at its ends"

// ExpectedRunbook says in a message what [ValidRunbook] wants.
const ExpectedRunbook = `an http or https URL like "https://wiki.example/shop", of at most 500 bytes`

const expectedStatus = `status codes from 200 to 599, or classes "2xx" to "5xx"`

const (
	maxName = 64   // runes
	maxURL  = 2048 // bytes; a URL is a tag of every result

	maxRunbook = 500 // bytes; it stands in every page
)

// ValidName reports whether s can be the name of a check or of a location: in a tag, a log line and a message alike.
func ValidName(s string) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxName || strings.TrimSpace(s) != s {
		return false
	}
	for _, r := range s {
		if r == '\\' || !unicode.IsPrint(r) { // line protocol cannot end a tag with a backslash
			return false
		}
	}
	return true
}

// labelKey reports whether s can be the name of a label.
func labelKey(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// urlProblem says what was expected of a URL that a location could not request; empty when there is nothing to say.
func urlProblem(s string) (expected string) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "an http or https URL like \"https://shop.example/health\""
	case len(s) > maxURL:
		return "a URL of at most " + strconv.Itoa(maxURL) + " bytes"
	case strings.Contains(s, `\`):
		return "a URL without backslashes: write %5C"
	case u.User != nil:
		return "a URL without user and password: every location reads this file"
	case u.Fragment != "" || strings.HasSuffix(s, "#"):
		return "a URL without a fragment: it is never sent"
	case u.Hostname() == "" || !validPort(u.Port()):
		return "a URL with a host and a port from 1 to 65535"
	}
	return ""
}

// ValidRunbook reports whether s can be the address of a runbook: in a message to whoever is paged.
func ValidRunbook(s string) bool {
	u, err := url.Parse(s)
	plain := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || !unicode.IsPrint(r) }) < 0
	return err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && plain && len(s) <= maxRunbook
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.Atoi(port)
	return err == nil && 1 <= n && n <= 65535
}

// withoutPassword keeps a password out of the message that refuses it.
func withoutPassword(s string) string {
	if u, err := url.Parse(s); err == nil {
		return u.Redacted()
	}
	return s
}
