package tlsfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
)

// LookEvery is how often files should be looked at: so soon a new certificate is in force.
const LookEvery = 5 * time.Second

// Certificate follows the files of one. What it holds is for the next connection; what cannot be used leaves the last good one
// in force. Held and Wrong are safe for concurrent use, Begin and Look are for one goroutine at a time.
type Certificate struct {
	Pair    Pair
	Effect  string // of files that cannot be used, for people
	Now     func() time.Time
	Trouble *daemon.Condition // is told what is wrong with the files

	files   [2][]byte // as last looked at
	doubted bool      // by the last look, which found files that cannot be used
	held    atomic.Pointer[tls.Certificate]
	wrong   atomic.Pointer[string] // with the files, as last looked at; nil: nothing
}

// Begin reads the files for the first time. They must be good, but a certificate that is not good now is held, and that is said: a
// daemon that did not start for it would watch nothing.
func (c *Certificate) Begin() error {
	pair, files, err := c.Pair.read(c.Now())
	late, is := errors.AsType[*UntimelyError](err)
	switch {
	case is:
		c.note(fmt.Errorf("it is used all the same: %w", late))
	case err != nil:
		return err
	default:
		c.note(c.ending(pair.Leaf))
	}
	c.files = files
	c.held.Store(&pair)
	return nil
}

// Look reads the files again, and says whether another certificate is held since. Files that cannot be used may be a renewal that is
// half done: that is said when the next look finds it too.
func (c *Certificate) Look() (changed bool) {
	pair, files, err := c.Pair.read(c.Now())
	_, late := errors.AsType[*UntimelyError](err)
	first := err != nil && !late && !c.doubted && c.wrong.Load() == nil
	if c.doubted = err != nil && !late; first {
		return false
	}
	if err != nil {
		c.note(fmt.Errorf("%s: %w", c.Effect, err))
		return false
	}
	c.note(c.ending(pair.Leaf))
	if bytes.Equal(files[0], c.files[0]) && bytes.Equal(files[1], c.files[1]) {
		return false
	}
	c.files = files
	c.held.Store(&pair)
	return true
}

// Held is the certificate in force; nil before Begin.
func (c *Certificate) Held() *tls.Certificate { return c.held.Load() }

// Wrong is what is wrong with the files, as last looked at; "": nothing.
func (c *Certificate) Wrong() string {
	if text := c.wrong.Load(); text != nil {
		return *text
	}
	return ""
}

// ending says that the certificate in the files should have been renewed by now.
func (c *Certificate) ending(leaf *x509.Certificate) error {
	if !ending(leaf, c.Now()) {
		return nil
	}
	return fmt.Errorf("certificate %s: found one that is good only until %s, expected a newer one by now", c.Pair.Cert, leaf.NotAfter.UTC().Format(time.RFC3339))
}

// note keeps and logs what is wrong with the files; nil is nothing.
func (c *Certificate) note(err error) {
	if err == nil {
		c.wrong.Store(nil)
		c.Trouble.OK()
		return
	}
	text := err.Error()
	c.wrong.Store(&text)
	c.Trouble.Failed(err)
}
