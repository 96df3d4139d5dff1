package fakesmtp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"

	"nezuban/packaging/testenv/fakesmtp"
)

const boundary = "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nshop =C3=A9\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>shop</p>\r\n--b--\r\n"

const wellFormed = "From: <a@example.org>\r\nTo: <b@example.org>\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nDate: Fri, 27 Nov 2026 03:04:05 +0000\r\n" +
	"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\nAuto-Submitted: auto-generated\r\n" +
	"Precedence: bulk\r\nReferences: <0@example.org>\r\n\r\n" + boundary

// send speaks the wire by another client than the router's and returns the code of the refusal, 0 for none.
func send(t *testing.T, server *fakesmtp.Server, to, mail string) int {
	t.Helper()
	client, err := smtp.Dial(server.Addr)
	if err != nil {
		return code(t, err)
	}
	defer func() { _ = client.Close() }()
	if err := client.StartTLS(&tls.Config{ServerName: "localhost", RootCAs: server.Roots}); err != nil {
		return code(t, err)
	}
	if err := client.Mail("a@example.org"); err != nil {
		return code(t, err)
	}
	if err := client.Rcpt(to); err != nil {
		return code(t, err)
	}
	w, err := client.Data()
	if err != nil {
		return code(t, err)
	}
	if _, err := w.Write([]byte(mail)); err != nil {
		t.Fatal(err)
	}
	return code(t, w.Close())
}

func code(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	reply, ok := errors.AsType[*textproto.Error](err)
	if !ok {
		t.Fatalf("found %v, want a reply", err)
	}
	return reply.Code
}

func TestRefusals(t *testing.T) {
	server := fakesmtp.New(t, fakesmtp.Options{MaxBytes: 4096})
	for _, row := range []struct {
		name, to, mail string
		code           int
	}{
		{"taken", fakesmtp.Alice, wellFormed, 0},
		{"nobody's mailbox", "x@example.org", wellFormed, 550},
		{"too large", fakesmtp.Alice, wellFormed + strings.Repeat("x\r\n", 2000), 552},
		{"another header", fakesmtp.Alice, "Bcc: <m@example.org>\r\n" + wellFormed, 554},
		{"a header twice", fakesmtp.Alice, "Subject: x\r\n" + wellFormed, 554},
		{"no Date", fakesmtp.Alice, strings.Replace(wellFormed, "Date:", "Importance:", 1), 554},
		{"not ASCII", fakesmtp.Alice, strings.Replace(wellFormed, "<p>", "é", 1), 554},
		{"long line", fakesmtp.Alice, strings.Replace(wellFormed, "<p>", strings.Repeat("x", 999), 1), 554},
		{"one part", fakesmtp.Alice, strings.Replace(wellFormed, "text/html", "text/plain", 1), 554},
	} {
		if got := send(t, server, row.to, row.mail); got != row.code {
			t.Errorf("%s: answered %d, want %d", row.name, got, row.code)
		}
	}
	mails := server.Mails()
	if len(mails) != 1 || mails[0].Subject != "café" || mails[0].Text != "shop é" || mails[0].HTML != "<p>shop</p>" || !mails[0].TLS {
		t.Errorf("taken %+v", mails)
	}
}

func TestPlannedTrouble(t *testing.T) {
	server := fakesmtp.New(t, fakesmtp.Options{})
	for _, phase := range []fakesmtp.Phase{fakesmtp.Greeting, fakesmtp.Mail, fakesmtp.Rcpt, fakesmtp.Data} {
		server.Refuse(phase, 451, "4.3.0 not now")
		if got := send(t, server, fakesmtp.Alice, wellFormed); got != 451 {
			t.Errorf("%s: answered %d, want 451", phase, got)
		}
	}
	if n := len(server.Mails()); n != 0 {
		t.Errorf("%d mails, want none", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := server.WaitFor(ctx, 1); err == nil || !strings.Contains(err.Error(), "rcpt") {
		t.Errorf("found %v, want an error that says what was seen", err)
	}
}
