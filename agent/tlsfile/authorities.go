package tlsfile

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"nezuban/agent/daemon"
	"nezuban/agent/tomlfile"
)

// Authorities follows a file with the certificates of authorities, PEM. What cannot be used leaves the last good ones in force. It is
// for one goroutine at a time.
type Authorities struct {
	Path    string
	Trouble *daemon.Condition // is told what is wrong with the file

	text []byte // as last looked at
	held []*x509.Certificate
}

// ReadAuthorities reads the certificates of a file, of which there must be one at least; what else is in the file is left alone.
func ReadAuthorities(path string) ([]*x509.Certificate, error) {
	_, certificates, err := readAuthorities(path)
	return certificates, err
}

func readAuthorities(path string) (text []byte, certificates []*x509.Certificate, err error) {
	if text, err = tomlfile.ReadRegular(path, maxPEM); err != nil {
		return nil, nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: certificate %d: %w", path, len(certificates)+1, err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, nil, fmt.Errorf("read %s: found no certificate, expected some in PEM", path)
	}
	return text, certificates, nil
}

// Begin reads the file for the first time. It must be good.
func (a *Authorities) Begin() error {
	text, certificates, err := readAuthorities(a.Path)
	if err != nil {
		return err
	}
	a.text, a.held = text, certificates
	a.Trouble.OK()
	return nil
}

// Look reads the file again, and says whether other authorities are held since.
func (a *Authorities) Look() (changed bool) {
	text, certificates, err := readAuthorities(a.Path)
	if err != nil {
		a.Trouble.Failed(fmt.Errorf("the authorities that were read last stay in force: %w", err))
		return false
	}
	a.Trouble.OK()
	if bytes.Equal(text, a.text) {
		return false
	}
	a.text, a.held = text, certificates
	return true
}

// AddTo makes a pool trust the authorities in force.
func (a *Authorities) AddTo(pool *x509.CertPool) {
	for _, certificate := range a.held {
		pool.AddCert(certificate)
	}
}
