package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/tlsfile"
)

<<<<<<< HEAD
// certificate is one whose files are followed. A listener shows what it holds.
type certificate struct{ *tlsfile.Certificate }

// watch looks at the files until ctx ends.
func (c certificate) watch(ctx context.Context) {
	ticker := time.NewTicker(tlsfile.LookEvery)
=======
// certificate follows the files of one. A listener shows what it holds: a new certificate is in force for the next
// connection, and what cannot be used leaves the last good one in force.
type certificate struct {
	paths   keyPair
	effect  string // of files that cannot be used, for people
	now     func() time.Time
	trouble *daemon.Condition
	files   [2][]byte // as last looked at; only look uses it
	doubted bool      // by the last look, which found files that cannot be used; likewise
	held    atomic.Pointer[tls.Certificate]
	wrong   atomic.Pointer[string] // with the files, as last looked at; nil: nothing
}

// begin reads the files for the first time. At the start they must be good, but one that is not good now is held, and that is said: a
// router that did not start for it would page nobody.
func (c *certificate) begin() error {
	pair, files, err := c.paths.read(c.now())
	late, is := errors.AsType[*untimelyError](err)
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

// look reads the files again. Files that cannot be used may be a renewal that is half done: that is said when the next look finds
// it too.
func (c *certificate) look() {
	pair, files, err := c.paths.read(c.now())
	_, late := errors.AsType[*untimelyError](err)
	doubted := err != nil && !late
	first := doubted && !c.doubted && c.wrong.Load() == nil
	c.doubted = doubted
	if first {
		return
	}
	if err != nil {
		c.note(fmt.Errorf("%s: %w", c.effect, err))
		return
	}
	c.note(c.ending(pair.Leaf))
	if !bytes.Equal(files[0], c.files[0]) || !bytes.Equal(files[1], c.files[1]) {
		c.files = files
		c.held.Store(&pair)
	}
}

// ending says that the certificate in the files should have been renewed by now.
func (c *certificate) ending(leaf *x509.Certificate) error {
	if !ending(leaf, c.now()) {
		return nil
	}
	return fmt.Errorf("certificate %s: found one that is good only until %s, expected a newer one by now", c.paths.cert, leaf.NotAfter.UTC().Format(time.RFC3339))
}

// note keeps and logs what is wrong with the files; nil is nothing.
func (c *certificate) note(err error) {
	if err == nil {
		c.wrong.Store(nil)
		c.trouble.OK()
		return
	}
	text := err.Error()
	c.wrong.Store(&text)
	c.trouble.Failed(err)
}

// lookEvery is how soon a new certificate is in force.
const lookEvery = 5 * time.Second

func (c *certificate) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
>>>>>>> w-cluster
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.Look()
		}
	}
}

// listener serves ln by TLS.
func (c certificate) listener(ln net.Listener) net.Listener {
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.Held(), nil },
	})
}

// certificateTrouble is the rule whose incident tells the person on call of a certificate that will not do.
const certificateTrouble = "nezuban-tls-certificate"

// tellCertificates makes what is wrong with this router's certificates incidents, until ctx ends.
func (r *router) tellCertificates(ctx context.Context) {
	told := &plight{rule: certificateTrouble, over: "the certificate is good again", engine: r.engine, trouble: daemon.NewCondition(r.d.Log, "telling of certificates")}
	for ctx.Err() == nil {
		told.tell(ctx, r.node.badCertificates())
		pause(ctx, tlsfile.LookEvery)
	}
}

// badCertificates lists what is wrong with the certificates of this router, by file.
func (n *node) badCertificates() map[string]string {
	wrong := map[string]string{}
	for _, c := range n.certs {
		if text := c.Wrong(); text != "" {
			wrong[c.Pair.Cert] = text
		}
	}
	return wrong
}

// What follows from files that cannot be used.
const (
	shownStays = "what the listener shows stays as it is"
	etcdFails  = "the next connection to etcd will fail"
)

// followFiles lets a certificate follow its files.
func (n *node) followFiles(files tlsfile.Pair, effect string) (certificate, error) {
	c := certificate{&tlsfile.Certificate{Pair: files, Effect: effect, Now: time.Now, Trouble: daemon.NewCondition(n.d.Log, "certificate "+files.Cert)}}
	if err := c.Begin(); err != nil {
		return certificate{}, err
	}
	n.certs = append(n.certs, c)
	n.d.Metrics.GetOrCreateGauge(fmt.Sprintf("nezuban_certificate_good_until_seconds{file=%q}", files.Cert), func() float64 {
		return float64(c.Held().Leaf.NotAfter.Unix())
	})
	return c, nil
}
