package tlsfile

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"nezuban/agent/tomlfile"
)

// Authorities are the certificates of a file, PEM: those that are trusted, or that those of servers come from. Their text tells
// one state of the file from another.
func Authorities(path string) (certificates []*x509.Certificate, text []byte, err error) {
	if text, err = tomlfile.ReadRegular(path, maxPEM); err != nil {
		return nil, nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue // a key beside them is no authority
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
	return certificates, text, nil
}
