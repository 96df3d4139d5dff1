// Package tlsfile is certificates, their keys and authorities in files, which are renewed while a daemon runs.
//
// Package transport and the router's listeners call it. It opens no connection, and no error of it holds anything of a key.
package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"nezuban/agent/tomlfile"
)

// Pair names the files of a certificate, PEM, and of its private key.
type Pair struct{ Cert, Key string }

// maxPEM bounds each of the files, in bytes.
const maxPEM = 1 << 20

// UntimelyError is of a certificate that is good but for the time: it is over, or not yet good.
type UntimelyError struct {
	File  string
	Found string // such as "was good until 2026-11-28T11:59:59Z"
}

func (e *UntimelyError) Error() string {
	return fmt.Sprintf("certificate %s: found one that %s, expected one that is good now", e.File, e.Found)
}

// untimely says that a certificate of this file is not good now; nil when it is.
func untimely(file string, leaf *x509.Certificate, now time.Time) *UntimelyError {
	switch {
	case now.After(leaf.NotAfter):
		return &UntimelyError{file, "was good until " + leaf.NotAfter.UTC().Format(time.RFC3339)}
	case now.Before(leaf.NotBefore):
		return &UntimelyError{file, "is good from " + leaf.NotBefore.UTC().Format(time.RFC3339) + " on"}
	}
	return nil
}

// ending says that a certificate will be over so soon that it should have been renewed: within two weeks, or the last fifth of
// its life when that is less.
func ending(leaf *x509.Certificate, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < min(14*24*time.Hour, leaf.NotAfter.Sub(leaf.NotBefore)/5)
}

// Read reads the files and refuses what nobody would accept: a key that does not belong to the certificate, and, by an
// [UntimelyError] beside the pair, a certificate that is not good now.
func (p Pair) Read(now time.Time) (tls.Certificate, error) {
	pair, _, err := p.read(now)
	return pair, err
}

// read is Read with the contents of both files.
func (p Pair) read(now time.Time) (certificate tls.Certificate, files [2][]byte, err error) {
	for i, path := range []string{p.Cert, p.Key} {
		if files[i], err = tomlfile.ReadRegular(path, maxPEM); err != nil {
			return tls.Certificate{}, files, err
		}
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return tls.Certificate{}, files, fmt.Errorf("certificate %s with key %s: %w", p.Cert, p.Key, err)
	}
	if late := untimely(p.Cert, pair.Leaf, now); late != nil {
		return pair, files, late
	}
	return pair, files, nil
}
