// Package fakesmtp is a mail server on a loopback port, for tests: SMTP with STARTTLS, TLS from the beginning or none, by a
// certificate of its own, with the refusals, delays and broken connections that mail servers have.
//
// The protocol is go-smtp's; a mail is read by the standard library, strictly. Neither is what the router writes and sends
// mails with.
package fakesmtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The account, and the addresses that the server knows.
const (
	Username = "nezuban-user"
	Password = "smtp-password-KEEP-IT-SECRET"
	Alice    = "alice.private@example.org" // the only one who has a mailbox
)

// Phase is a step of the protocol at which something can go wrong.
type Phase string

// The phases.
const (
	Greeting Phase = "greeting"
	Hello    Phase = "hello"
	Auth     Phase = "auth"
	Mail     Phase = "mail"
	Rcpt     Phase = "rcpt"
	Data     Phase = "data" // the reply to a whole mail
)

// Options say what the server offers. The zero value offers STARTTLS and needs nobody to sign in.
type Options struct {
	Implicit   bool     // TLS from the beginning
	Plain      bool     // no TLS at all
	Mechanisms []string // of signing in; none: nobody has to
	MaxBytes   int64    // of a mail; 0: no limit
}

// Test is what a server needs of its test; any [testing.TB] will do.
//
// [testing.TB]: https://pkg.go.dev/testing#TB
type Test interface {
	Helper()
	Cleanup(end func())
	Fatal(args ...any)
	TempDir() string
}

// Server is one mail server.
type Server struct {
	Addr   string         // host:port
	Roots  *x509.CertPool // that trusts its certificate
	CAFile string         // the same as a file

	options Options
	gone    chan struct{} // closed when the test ends

	mu      sync.Mutex
	mails   []Message
	seen    []Phase // in which a client has been, in order
	faults  map[Phase][]fault
	changed chan struct{} // closed, and replaced, when anything happens
}

// fault is what goes wrong once.
type fault struct {
	reply *smtp.SMTPError // instead of the usual one
	hang  bool            // no reply at all
	drop  bool            // the connection ends without a reply; in the phase Data the mail is taken nevertheless
}

// New starts a server; it ends with the test.
func New(tb Test, options Options) *Server {
	tb.Helper()
	s := &Server{options: options, gone: make(chan struct{}), faults: map[Phase][]fault{}, changed: make(chan struct{})}
	certificate, pem, err := certify()
	if err != nil {
		tb.Fatal(err)
	}
	s.Roots, s.CAFile = x509.NewCertPool(), tb.TempDir()+"/ca.pem"
	s.Roots.AppendCertsFromPEM(pem)
	if err := os.WriteFile(s.CAFile, pem, 0o600); err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.Addr = listener.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain, server.MaxMessageBytes, server.EnableSMTPUTF8 = "mail.example.org", options.MaxBytes, true
	server.ErrorLog = log.New(io.Discard, "", 0) // clients that go away are part of the tests
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if !options.Plain {
		server.TLSConfig = secure
	}
	greeted := net.Listener(&greeter{listener, s})
	if options.Implicit {
		greeted = tls.NewListener(greeted, secure)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(greeted) }() // it ends by Close
	tb.Cleanup(func() {
		close(s.gone)
		_ = server.Close()
		_ = listener.Close() // the server may not have known it yet
		<-done
	})
	return s
}

// Mails returns what was taken, oldest first.
func (s *Server) Mails() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// WaitFor returns the mails once there are n. When ctx ends before, it returns an error that says what there is.
func (s *Server) WaitFor(ctx context.Context, n int) ([]Message, error) {
	for {
		s.mu.Lock()
		mails, seen, changed := slices.Clone(s.mails), slices.Clone(s.seen), s.changed
		s.mu.Unlock()
		if len(mails) >= n {
			return mails, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return mails, fmt.Errorf("await %d mails: %w; there are %d, clients went through %v", n, ctx.Err(), len(mails), seen)
		}
	}
}

// Seen lists the phases that clients have been in, in order.
func (s *Server) Seen() []Phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// Refuse answers the next time in a phase with a reply such as 450, "4.7.1 greylisted".
func (s *Server) Refuse(phase Phase, code int, text string) {
	s.plan(phase, fault{reply: &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}})
}

// Hang gives no reply the next time in a phase.
func (s *Server) Hang(phase Phase) { s.plan(phase, fault{hang: true}) }

// Drop ends the connection the next time in a phase, without a reply. A mail that is there by then is taken.
func (s *Server) Drop(phase Phase) { s.plan(phase, fault{drop: true}) }

func (s *Server) plan(phase Phase, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[phase] = append(s.faults[phase], f)
}

// enter notes that a client is in a phase and plays what is planned for it. With an error, the phase ends here.
func (s *Server) enter(phase Phase, conn net.Conn) error {
	s.mu.Lock()
	s.seen = append(s.seen, phase)
	var f fault
	if planned := s.faults[phase]; len(planned) > 0 {
		f, s.faults[phase] = planned[0], planned[1:]
	}
	s.wake()
	s.mu.Unlock()
	switch {
	case f.reply != nil:
		return f.reply
	case f.drop:
		_ = conn.Close()
		return errors.New("dropped")
	case f.hang:
		<-s.gone
		return errors.New("the test is over")
	}
	return nil
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// greeter plays what is planned for the greeting before the protocol begins.
type greeter struct {
	net.Listener
	server *Server
}

func (g *greeter) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g.server.mu.Lock()
		faulty := len(g.server.faults[Greeting]) > 0
		g.server.mu.Unlock()
		if !faulty {
			_ = g.server.enter(Greeting, conn) // nothing is planned
			return conn, nil
		}
		go func() {
			defer conn.Close()
			if refused, ok := errors.AsType[*smtp.SMTPError](g.server.enter(Greeting, conn)); ok {
				_, _ = fmt.Fprintf(conn, "%d %s\r\n", refused.Code, refused.Message)
			}
		}()
	}
}

// session is what one client does.
type session struct {
	server *Server
	conn   *smtp.Conn
	mail   Message
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	if err := s.enter(Hello, c.Conn()); err != nil {
		return nil, err
	}
	return &session{server: s, conn: c}, nil
}

func (s *session) Reset()        { s.mail = Message{User: s.mail.User} }
func (s *session) Logout() error { return nil }

// AuthMechanisms implements [smtp.AuthSession].
func (s *session) AuthMechanisms() []string { return s.server.options.Mechanisms }

// Auth implements [smtp.AuthSession].
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if err := s.server.enter(Auth, s.conn.Conn()); err != nil {
		return nil, err
	}
	check := func(_, username, password string) error {
		if username != Username || password != Password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such user " + username + " with " + password}
		}
		s.mail.User = username
		return nil
	}
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(check), nil
	case "LOGIN":
		return &login{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// login is the server's side of LOGIN, which go-sasl does not have.
type login struct {
	check    sasl.PlainAuthenticator
	asked    int
	username string
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch {
	case l.asked == 1 && response == nil:
		return []byte("Username:"), false, nil
	case l.asked == 2:
		l.username = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check("", l.username, string(response))
}

func (s *session) Mail(from string, options *smtp.MailOptions) error {
	if err := s.server.enter(Mail, s.conn.Conn()); err != nil {
		return err
	}
	if len(s.server.options.Mechanisms) > 0 && s.mail.User == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.mail.From, s.mail.UTF8 = from, options.UTF8
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.server.enter(Rcpt, s.conn.Conn()); err != nil {
		return err
	}
	if to != Alice {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: Recipient address rejected: User unknown"}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // too large, or the client has gone away
	}
	mail := s.mail
	_, mail.TLS = s.conn.TLSConnectionState()
	if err := mail.read(raw); err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "malformed: " + err.Error()}
	}
	failed := s.server.enter(Data, s.conn.Conn())
	if _, refused := errors.AsType[*smtp.SMTPError](failed); !refused {
		s.server.take(mail)
	}
	return failed
}

func (s *Server) take(mail Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, mail)
	s.wake()
}
