package fakesmtp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
)

// Message is one mail that was taken.
type Message struct {
	From, User string   // of the envelope; User: who had signed in
	To         []string // of the envelope
	TLS, UTF8  bool     // how it came; UTF8: SMTPUTF8 was asked for, which not every server on the way has
	Header     mail.Header
	Subject    string // decoded
	Text, HTML string // the two parts, decoded, with line feeds alone
	Raw        string
}

// The longest line of a mail, without its end (RFC 5322, 2.1.1).
const lineMax = 998

// headers are those that a page's mail has, in any case and each once.
func headers() (needed, allowed []string) {
	needed = []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Auto-Submitted", "Precedence", "References"}
	allowed = []string{"In-Reply-To", "X-Auto-Response-Suppress", "Importance", "Priority", "X-Priority", "X-Msmail-Priority"}
	return needed, allowed
}

// read takes a mail as mail programs do, but forgives nothing.
func (m *Message) read(raw []byte) error {
	m.Raw = string(raw)
	for line := range strings.Lines(m.Raw) {
		text, ended := strings.CutSuffix(line, "\r\n")
		if !ended || strings.ContainsAny(text, "\r\n\x00") || len(text) > lineMax {
			return fmt.Errorf("line %q", line)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r > 127 }) {
			return fmt.Errorf("line %q is not ASCII", line)
		}
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	m.Header = parsed.Header
	needed, allowed := headers()
	for name, values := range m.Header {
		if len(values) != 1 || !slices.Contains(append(needed, allowed...), name) {
			return fmt.Errorf("header %s: %q", name, values)
		}
	}
	for _, name := range needed {
		if m.Header.Get(name) == "" {
			return fmt.Errorf("no header %s", name)
		}
	}
	if _, err := m.Header.Date(); err != nil {
		return err
	}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return err
	}
	return m.parts(parsed.Body)
}

// parts reads the plain text and the HTML, which are alternatives in this order.
func (m *Message) parts(body io.Reader) error {
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		return fmt.Errorf("content type %q: %w", kind, err)
	}
	reader := multipart.NewReader(body, parameters["boundary"])
	for _, part := range []struct {
		kind string
		into *string
	}{{"text/plain", &m.Text}, {"text/html", &m.HTML}} {
		next, err := reader.NextRawPart()
		if err != nil {
			return err
		}
		kind, parameters, err := mime.ParseMediaType(next.Header.Get("Content-Type"))
		if err != nil || kind != part.kind || !strings.EqualFold(parameters["charset"], "utf-8") {
			return fmt.Errorf("part %q: %w", next.Header, err)
		}
		if encoding := next.Header.Get("Content-Transfer-Encoding"); encoding != "quoted-printable" {
			return fmt.Errorf("encoding %q", encoding)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(next))
		if err != nil {
			return err
		}
		*part.into = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	if _, err := reader.NextRawPart(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("a third part, or none that ends: %w", err)
	}
	return nil
}
