package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"nezuban/agent/daemon"
)

// keyPair names the files of a certificate, PEM, and of its private key.
type keyPair struct{ cert, key string }

// maxPEM bounds each of the files, in bytes.
const maxPEM = 1 << 20

// errOver is of a certificate that is good but for its end.
var errOver = errors.New("found one that is over")

// read reads the files and refuses what no client would accept: a key that does not belong to the certificate, and, by
// [errOver] beside the pair, a certificate that is over. No error holds anything of the key.
func (p keyPair) read(now time.Time) (certificate tls.Certificate, files [2][]byte, err error) {
	for i, path := range []string{p.cert, p.key} {
		if files[i], err = readFile(path, maxPEM); err != nil {
			return tls.Certificate{}, files, err
		}
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return tls.Certificate{}, files, fmt.Errorf("certificate %s with key %s: %w", p.cert, p.key, err)
	}
	if end := pair.Leaf.NotAfter; now.After(end) {
		return pair, files, fmt.Errorf("certificate %s: %w: it was good until %s", p.cert, errOver, end.UTC().Format(time.RFC3339))
	}
	return pair, files, nil
}

// certificate is what a listener shows. It follows its files: a new certificate is in force for the next connection, and
// what cannot be used leaves the last good one in force.
type certificate struct {
	paths   keyPair
	now     func() time.Time
	trouble *daemon.Condition
	files   [2][]byte // as last looked at; only look uses it
	held    atomic.Pointer[tls.Certificate]
}

// newCertificate reads the files. At the start they must be good, but one that is over is shown, and said: a router that did
// not start for it would page nobody.
func newCertificate(paths keyPair, now func() time.Time, trouble *daemon.Condition) (*certificate, error) {
	pair, files, err := paths.read(now())
	switch {
	case errors.Is(err, errOver):
		trouble.Failed(fmt.Errorf("it is shown all the same: %w", err))
	case err != nil:
		return nil, err
	}
	c := &certificate{paths: paths, now: now, trouble: trouble, files: files}
	c.held.Store(&pair)
	return c, nil
}

// look reads the files again.
func (c *certificate) look() {
	pair, files, err := c.paths.read(c.now())
	if err != nil {
		c.trouble.Failed(fmt.Errorf("the certificate in force stays, expected a good one: %w", err))
		return
	}
	c.trouble.OK()
	if !bytes.Equal(files[0], c.files[0]) || !bytes.Equal(files[1], c.files[1]) {
		c.files = files
		c.held.Store(&pair)
	}
}

// lookEvery is how soon a new certificate is in force.
const lookEvery = 5 * time.Second

func (c *certificate) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.look()
		}
	}
}

// listener serves ln by TLS.
func (c *certificate) listener(ln net.Listener) net.Listener {
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.held.Load(), nil },
	})
}
