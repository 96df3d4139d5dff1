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

// certificate is one whose files are followed. A listener shows what it holds.
type certificate struct{ *tlsfile.Certificate }

// watch looks at the files until ctx ends.
func (c certificate) watch(ctx context.Context) {
	ticker := time.NewTicker(tlsfile.LookEvery)
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
