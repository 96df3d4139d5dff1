// Package apply hands a rotation file to a router.
//
// The command `nezuban-oncall apply` calls it; nothing else of nezuban-oncall speaks to a network. It sends the token to
// the given URL and nowhere else, and whatever a server answers is bounded, in time and in size, and is text to show. Errors
// are for the person at the terminal: they say what can be done, and never hold the token.
package apply

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// maxReply bounds an answer, in bytes.
const maxReply = 16 << 20

// Version is a file that is in force.
type Version struct {
	Hash     string    `json:"hash"`         // SHA-256 of the file, in lower-case hexadecimal
	Since    time.Time `json:"since"`        // when it came in force
	Name     string    `json:"name"`         // the file's name in messages
	By       string    `json:"by,omitempty"` // who applied it
	Already  bool      `json:"already"`      // it was in force before
	Warnings []string  `json:"warnings,omitempty"`
}

// RefusedError is the router's answer to a file that it does not put in force.
type RefusedError struct {
	Message  string
	Problems []string // of the file, each as file:line: …
}

func (e *RefusedError) Error() string { return e.Message }

// Apply asks the router to put a file in force. Name is what its messages call the file, by who applies it; the router
// takes the token's name for "". The error is a [RefusedError] when the router has judged the file and refused it, else it
// could not be asked.
func (r *Router) Apply(ctx context.Context, name, by string, text []byte) (Version, error) {
	status, header, data, err := r.put(ctx, name, by, text)
	if err != nil {
		return Version{}, err
	}
	if status != http.StatusOK {
		return Version{}, r.refusal(status, header, data)
	}
	var v Version
	sum := sha256.Sum256(text)
	if json.Unmarshal(data, &v) != nil || v.Hash != hex.EncodeToString(sum[:]) || v.Since.IsZero() {
		return Version{}, fmt.Errorf("%s did not answer as a router does: nothing says that the file is in force", r.base)
	}
	for i, warning := range v.Warnings {
		v.Warnings[i] = printable(warning)
	}
	return v, nil
}

func (r *Router) put(ctx context.Context, name, by string, text []byte) (status int, header http.Header, data []byte, err error) {
	query := url.Values{"name": {name}}
	if by != "" {
		query.Set("by", by)
	}
	to := r.base.JoinPath("api/v1/rotation")
	to.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to.String(), bytes.NewReader(text))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Content-Type", "application/toml")
	req.Header.Set("Expect", "100-continue") // a server that refuses the token is not sent the file
	resp, err := r.http.Do(req)
	if err != nil {
		return 0, nil, nil, r.unreached(err)
	}
	defer resp.Body.Close()
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return 0, nil, nil, r.unreached(err)
	}
	return resp.StatusCode, resp.Header, data, nil
}

// unreached words the failure of a request.
func (r *Router) unreached(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		if wrapped.Timeout() {
			err = context.DeadlineExceeded
		} else {
			err = wrapped.Err // without the URL, which is said anyway
		}
	}
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("router %s gave no answer within %s: the file may be in force or not, apply it again to find out", r.base, r.http.Timeout)
	case errors.As(err, &untrusted):
		return fmt.Errorf("router %s shows a certificate that is not trusted (--ca FILE names who signs it): %w", r.base, untrusted.Err)
	}
	return fmt.Errorf("router %s not reached, is it running? %w", r.base, err)
}

// refusal words an answer other than 200.
func (r *Router) refusal(status int, header http.Header, data []byte) error {
	var said struct {
		Code, Message string
		Problems      []string
	}
	ours := json.Unmarshal(data, &said) == nil && said.Code != "" && said.Message != ""
	said.Message = printable(said.Message)
	switch {
	case status == http.StatusUnauthorized:
		return fmt.Errorf("router %s refused the token: it must be one of this router's, of kind act", r.base)
	case status == http.StatusForbidden:
		return fmt.Errorf("router %s does not go by this host name: name it in the router's public_url, or use another URL", r.base)
	case status >= 300 && status < 400:
		return fmt.Errorf("%s sends elsewhere, to %q, where the token was not sent: if the router is there, use that URL", r.base, header.Get("Location"))
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return fmt.Errorf("%s is no router, or one of a release that takes no files (answered %d)", r.base, status)
	case ours && (status == http.StatusConflict || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity):
		for i, problem := range said.Problems {
			said.Problems[i] = printable(problem)
		}
		return &RefusedError{Message: said.Message, Problems: said.Problems}
	case !ours:
		return fmt.Errorf("%s answered %d %s, not as a router does", r.base, status, http.StatusText(status))
	}
	return fmt.Errorf("router %s answered %d: %s", r.base, status, said.Message)
}

// printable is text on one line without anything that a terminal obeys.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
