package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

// session is one connection to the server.
type session struct {
	pager  *Pager
	conn   net.Conn
	client *smtp.Client
	to     page.Recipient
}

// send gives a mail to the server. An error that comes after the mail's last line leaves open whether it was taken.
func (p *Pager) send(ctx context.Context, to page.Recipient, written []byte) error {
	s := &session{pager: p, to: to}
	if err := s.connect(ctx); err != nil {
		return p.failed(to, "connect", err)
	}
	defer func() { _ = s.conn.Close() }()                         // what was to be known has been read
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() }) // ends whatever waits
	defer stop()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"greeting", s.greet},
		{"EHLO", func() error { return s.client.Hello(p.name) }},
		{"STARTTLS", s.secure},
		{"sign in", s.signIn},
		{"MAIL FROM", func() error { return s.client.Mail("<" + p.config.From.Address + ">") }},
		{"RCPT TO", func() error { return s.client.Rcpt("<" + to.Address + ">") }},
		{"DATA", func() error { return s.data(written) }},
	} {
		if err := s.conn.SetDeadline(time.Now().Add(p.config.Timeout)); err != nil {
			return p.failed(to, step.name, err)
		}
		if err := step.do(); err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("%w: %w", ctx.Err(), err)
			}
			return p.failed(to, step.name, err)
		}
	}
	_ = s.client.Quit() // it has the mail
	return nil
}

// connect opens the connection, and makes it safe when that comes first.
func (s *session) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.pager.config.Timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.pager.config.Server)
	if err != nil {
		return err
	}
	conn = &bounded{Conn: conn, left: repliesMax}
	s.conn = conn
	switch s.pager.config.TLS {
	case Implicit:
		secure := tls.Client(conn, s.tls())
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return fmt.Errorf("TLS: %w", err)
		}
		s.conn = secure
	case NoTLS:
		if at, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
			_ = conn.Close()
			return errors.New("without TLS only a server on this machine is allowed")
		}
	case STARTTLS:
	}
	return nil
}

// bounded ends a connection over which the server says more than it could have to.
type bounded struct {
	net.Conn
	left int // bytes
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := b.Conn.Read(into[:min(len(into), b.left)])
	b.left -= n
	return n, err
}

func (s *session) tls() *tls.Config {
	return &tls.Config{ServerName: s.pager.host, RootCAs: s.pager.config.Roots, MinVersion: tls.VersionTLS12}
}

func (s *session) greet() (err error) {
	s.client, err = smtp.NewClient(s.conn, s.pager.host)
	if err == nil {
		// Else it would ask for an extension that not every server on the way has.
		s.client.SkipSMTPUTF8(ascii(s.to.Address))
	}
	return err
}

// secure asks for TLS where it is not there from the beginning.
func (s *session) secure() error {
	if s.pager.config.TLS != STARTTLS {
		return nil
	}
	if offered, _ := s.client.Extension("STARTTLS"); !offered {
		return errors.New("the server does not offer it")
	}
	return s.client.StartTLS(s.tls())
}

// signIn proves to the server who we are, if there is a user.
func (s *session) signIn() error {
	c := s.pager.config
	if c.Username == "" {
		return nil
	}
	_, offered := s.client.Extension("AUTH")
	for mechanism := range strings.FieldsSeq(offered) {
		switch strings.ToUpper(mechanism) {
		case "PLAIN":
			return s.client.Auth(smtp.PlainAuth("", c.Username, c.Password, s.pager.host, false))
		case "LOGIN":
			return s.client.Auth(smtp.LoginAuth(c.Username, c.Password, s.pager.host, false))
		}
	}
	return errors.New("the server offers neither PLAIN nor LOGIN")
}

func (s *session) data(written []byte) error {
	w, err := s.client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(written); err != nil {
		return err
	}
	return w.Close()
}

// failed classifies an error: what the server refuses for good (5xx) is not tried again, anything else is.
func (p *Pager) failed(to page.Recipient, step string, err error) error {
	retry := true
	text := err.Error()
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		retry = reply.Code/100 != 5
		text = fmt.Sprintf("answered %d: %q", reply.Code, page.Line(reply.Msg, reasonMax))
	}
	if timedOut, ok := errors.AsType[net.Error](err); ok && timedOut.Timeout() {
		text = fmt.Sprintf("no answer within %v", p.config.Timeout)
	}
	return &page.Error{Retry: retry, Err: fmt.Errorf("email to %s: %s: %s", to.Person, step, p.hide(text, to))}
}

// hide takes out of a text what a server may repeat in its answer: addresses, of whomever, the user and the password.
func (p *Pager) hide(text string, to page.Recipient) string {
	text = attempt.Hide(text, p.config.Password)
	local, _, _ := strings.Cut(to.Address, "@")
	for _, secret := range []string{to.Address, p.config.Username, local} {
		if len(secret) > 2 { // shorter ones would take the words apart
			text = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(secret)).ReplaceAllLiteralString(text, "[hidden]")
		}
	}
	return regexp.MustCompile(`[^\s<>"]+@[^\s<>"]+`).ReplaceAllLiteralString(text, "[hidden]")
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 127 })
}
