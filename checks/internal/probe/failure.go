package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"nezuban/checks/check"
)

// failed says in r why there was no response.
func failed(r *check.Result, err error, t *trace, timeout time.Duration) {
	reached := t.reached()
	timedOut := isTimeout(err)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		// That the name does not exist is an answer, and the fault of who lost it; no answer is our resolver's.
		r.Outcome, r.Sick = check.DNSError, !dns.IsNotFound
	case timedOut && reached == lookingUp:
		r.Outcome, r.Sick = check.DNSError, true
	case timedOut:
		r.Outcome = check.Timeout
	default:
		r.Outcome, r.Sick = check.ConnectionFailed, ownFailure(err) && !t.outsideFailed()
	}
	r.Error = oneLine(reason(err, timeout))
	if timedOut && dns == nil {
		r.Error = oneLine(fmt.Sprintf("%s, %s", r.Error, reached))
	}
}

// ownFailure reports whether err is a failure of this location before anything of the target was reached: no network,
// no route, no free port, descriptor or buffer, or a firewall of its own.
//
// EHOSTUNREACH is not among them. It says that the last router, or this machine on its own wire, found nobody at the
// address: a host that is switched off looks like that from everywhere, and must not stay unseen.
func ownFailure(err error) bool {
	for _, own := range []error{
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM, syscall.EACCES,
	} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// reason is err in words for people.
func reason(err error, timeout time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("not finished within %s", timeout)
	}
	return err.Error()
}

// maxErrorBytes bounds the text that a target can make us store with each result.
const maxErrorBytes = 256

// oneLine makes text one line of printable characters, of at most maxErrorBytes.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxErrorBytes {
		return text
	}
	cut := maxErrorBytes - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
