package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// keyPair names the files of a certificate, PEM, and of its private key.
type keyPair struct{ cert, key string }

// maxPEM bounds each of the files, in bytes.
const maxPEM = 1 << 20

// untimelyError is of a certificate that is good but for the time: it is over, or not yet good.
type untimelyError struct{ file, found string }

func (e *untimelyError) Error() string {
	return fmt.Sprintf("certificate %s: found one that %s, expected one that is good now", e.file, e.found)
}

// untimely says that a certificate of this file is not good now; nil when it is.
func untimely(file string, leaf *x509.Certificate, now time.Time) *untimelyError {
	switch {
	case now.After(leaf.NotAfter):
		return &untimelyError{file, "was good until " + leaf.NotAfter.UTC().Format(time.RFC3339)}
	case now.Before(leaf.NotBefore):
		return &untimelyError{file, "is good from " + leaf.NotBefore.UTC().Format(time.RFC3339) + " on"}
	}
	return nil
}

// ending says that a certificate will be over so soon that it should have been renewed: within two weeks, or the last fifth of
// its life when that is less.
func ending(leaf *x509.Certificate, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < min(14*24*time.Hour, leaf.NotAfter.Sub(leaf.NotBefore)/5)
}

// read reads the files and refuses what no client would accept: a key that does not belong to the certificate, and, by an
// [untimelyError] beside the pair, a certificate that is not good now. No error holds anything of the key.
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
	if late := untimely(p.cert, pair.Leaf, now); late != nil {
		return pair, files, late
	}
	return pair, files, nil
}
