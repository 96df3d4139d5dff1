// Package email pages by mail through one SMTP server. The messages of an incident stand in one thread.
//
// Repeat rule: marked. A mail that may have been taken is sent again with "(repeat)" and the same Message-ID, by which some
// mail programs show one of the two.
//
// The router's app calls it through [page.Pager]. Mails are written by go-mail, and spoken over SMTP by its client, step by
// step: each has a deadline of its own, and where it broke off tells whether the mail may have been taken. Package net/smtp
// is frozen, writes no mails, and knows no LOGIN. Only this package knows go-mail. It never logs, and no error names an
// address, the user or the password.
package email

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"html/template"
	"net"
	"net/mail"
	"os"
	"time"

	"nezuban/router/internal/page"
)

// TLS says how the connection to the server is made safe.
type TLS string

// The ways.
const (
	STARTTLS TLS = "starttls" // plain until the server has agreed to TLS; it must
	Implicit TLS = "implicit" // from the first byte
	NoTLS    TLS = "none"     // to this machine alone
)

const (
	timeout    = 10 * time.Second // of one step: servers let strangers wait some seconds before they greet
	repliesMax = 256 << 10        // bytes of all replies, and of what TLS adds to them
	reasonMax  = 200              // characters of a server's reply
)

// Config is what a pager needs to know. TLS, Username and Password, Roots and Timeout may be zero, nothing else.
type Config struct {
	Server   string         // host:port
	TLS      TLS            // "": STARTTLS
	Username string         // "": the server wants nobody to sign in
	Password string         // secret
	From     mail.Address   // whom the mails come from; its domain ends their ids
	Roots    *x509.CertPool // whose certificates are trusted; nil: those of the system
	Timeout  time.Duration  // of one step; 0: 10 s
}

// Mistake is a key of a server's configuration that is wrong.
type Mistake struct {
	Key      string // server or tls
	Expected string // what would have been right
}

// Check is what is wrong with a server's configuration. A connection without TLS may lead to this machine alone, and nobody
// signs in over it.
func Check(server string, how TLS, username string) (mistakes []Mistake) {
	host, port, err := net.SplitHostPort(server)
	ip := net.ParseIP(host)
	named := err == nil && host != "" && port != ""
	if !named {
		mistakes = append(mistakes, Mistake{"server", `host and port of a mail server, such as "mail.example.org:587"`})
	}
	switch {
	case how != "" && how != STARTTLS && how != Implicit && how != NoTLS:
		mistakes = append(mistakes, Mistake{"tls", fmt.Sprintf("%q, %q or %q", STARTTLS, Implicit, NoTLS)})
	case how == NoTLS && named && host != "localhost" && (ip == nil || !ip.IsLoopback()):
		mistakes = append(mistakes, Mistake{"tls", "TLS: only a server on this machine is spoken to without"})
	case how == NoTLS && username != "":
		mistakes = append(mistakes, Mistake{"tls", "TLS: nobody signs in without"})
	}
	return mistakes
}

// Pager is the mail channel. It is safe for concurrent use.
type Pager struct {
	config Config
	host   string // of the server
	name   string // of this machine, for the server
	html   *template.Template
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager; it does not speak to the server yet. The configuration has passed [Check].
func New(c Config) *Pager {
	c.TLS = cmp.Or(c.TLS, STARTTLS)
	c.Timeout = cmp.Or(c.Timeout, timeout)
	host, _, _ := net.SplitHostPort(c.Server)
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return &Pager{config: c, host: host, name: name, html: template.Must(template.New("page").Parse(layout))}
}

// Page implements [page.Pager]: one mail to one person. The provider's id is the Message-ID of the incident's first mail to
// them. That it was taken does not say that it has been delivered.
func (p *Pager) Page(ctx context.Context, m page.Message) (providerID string, err error) {
	to, err := m.Only("email", "mail address")
	if err != nil {
		return "", err
	}
	written, err := p.compose(m, to, time.Now())
	if err != nil {
		return "", page.Permanent("email to %s: the mail cannot be written: %s", to.Person, p.hide(err.Error(), to))
	}
	if err := p.send(ctx, to, written); err != nil {
		return "", err
	}
	if root := ours(m.ProviderID); root != "" {
		return root, nil
	}
	return p.id(m.PageID), nil
}
