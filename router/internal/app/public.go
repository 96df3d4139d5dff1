package app

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nezuban/agent/tlsfile"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/public"
)

// publicSettings is [public].
type publicSettings struct {
	Listen  string `toml:"listen"`
	URL     string `toml:"url"`
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
}

// outside is the listener for ack pages and providers, checked.
type outside struct {
	listen string
	url    string // without a slash at the end
	tls    *tlsfile.Pair
}

// public checks the certificates and the second listener.
func (l *loader) public(cfg *Config, s settings) {
	cfg.tls = l.keyPair(s.TLSCert, s.TLSKey)
	if !l.has("public") {
		return
	}
	cfg.outside = &outside{listen: s.Public.Listen, url: strings.TrimRight(s.Public.URL, "/"), tls: l.keyPair(s.Public.TLSCert, s.Public.TLSKey, "public")}
	if _, port, err := net.SplitHostPort(s.Public.Listen); err != nil || port == "" {
		l.Wrong(s.Public.Listen, `an address like "0.0.0.0:17443"`, "public", "listen")
	} else if s.Public.Listen == s.Listen {
		l.Wrong(s.Public.Listen, "another address than listen", "public", "listen")
	}
	if !webURL(s.Public.URL) {
		l.Wrong(s.Public.URL, `the URL at which phones and providers reach this listener, like "https://ack.example.org"`, "public", "url")
	}
}

// keyPair checks the two files of a certificate; nil when neither is named.
func (l *loader) keyPair(cert, key string, table ...any) *tlsfile.Pair {
	at := func(name string) []any { return append(append([]any{}, table...), name) }
	switch {
	case cert == "" && key == "":
		return nil
	case cert == "":
		l.needed(nil, "the certificate to which tls_key belongs", at("tls_key"), at("tls_cert")...)
		return nil
	case key == "":
		l.needed(nil, "the private key of tls_cert", at("tls_cert"), at("tls_key")...)
		return nil
	}
	pair := &tlsfile.Pair{Cert: l.Path(cert), Key: l.Path(key)}
	l.usable(pair, cert, at("tls_cert")...)
	return pair
}

// usable refuses a certificate that cannot be used. One that is not good now is only noted: no router is kept from paging by
// it.
func (l *loader) usable(pair *tlsfile.Pair, cert string, path ...any) {
	_, err := pair.Read(time.Now())
	if late, is := errors.AsType[*tlsfile.UntimelyError](err); is {
		problem := l.File().Problem(cert, "a certificate that is good now", path...)
		problem.Found += ", which " + late.Found
		l.late = append(l.late, problem)
	} else if err != nil {
		l.Wrong(cert, "a certificate that can be used: "+err.Error(), path...)
	}
}

// webhookSecrets are those of PagerDuty's webhook subscriptions.
func (l *loader) webhookSecrets(s pagerDutySettings, served bool) []string {
	if len(s.WebhookSecretFiles) > 0 && !served {
		l.Wrong(s.WebhookSecretFiles[0], "the table [public], by which webhooks come in", "pagerduty", "webhook_secret_files")
	}
	var secrets []string
	for i, name := range s.WebhookSecretFiles {
		secrets = append(secrets, l.Secret(name, "pagerduty", "webhook_secret_files", i))
	}
	return secrets
}

// personal is what a message bears for its receiver alone. A nil one bears nothing.
type personal struct {
	links   *access.Links
	url     string // of the public listener
	replies bool
}

// of is the link of a message, and for a text message the code of an answer; both are empty unless it asks one person to
// act who is not asked by PagerDuty.
func (p *personal) of(row incident.Row, pageID string) (link, code string) {
	if p == nil || !asksOne(row) {
		return "", ""
	}
	if p.replies && row.Channel == schedule.ChannelSMS {
		code = p.links.Code(pageID, row.People[0])
	}
	return p.url + public.Link(p.links, pageID, row.People[0]), code
}

// keyAddress is where the key is reported that is pressed in a call; "" when none is heard.
func (p *personal) keyAddress(m page.Message) string {
	if p == nil || len(m.People) != 1 {
		return ""
	}
	return p.url + public.KeyAddress(p.links, m.PageID, m.People[0].Person)
}

// outsidePath is below which the leader's main listener answers what another router's public listener passes on to it.
const outsidePath = "/outside"

// outsideHandler is what the public listener answers: by this router while it leads, else by the leader. Whether a request
// was sent to the right host is known here alone.
func (n *node) outsideHandler() http.Handler {
	gate := access.New(access.Options{Hosts: []string{hostOf(n.cfg.outside.url)}, Now: time.Now})
	passed := gate.Guard(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req = req.Clone(req.Context())
		req.URL.Path, req.URL.RawPath = outsidePath+req.URL.Path, ""
		n.forward.ServeHTTP(w, req)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r := n.current.Load(); r != nil {
			r.outside.ServeHTTP(w, req)
			return
		}
		passed.ServeHTTP(w, req)
	})
}

// publicHandler is what the outside may reach, directly or through another router.
func (r *router) publicHandler() http.Handler {
	o := public.Options{
		Desk: desk{r.engine, r.elsewhere, r.rotations.contacts.Load}, Links: r.personal.links, URL: r.cfg.outside.url, ConsoleURL: r.cfg.PublicURL,
		Gate: access.New(access.Options{Hosts: append(r.cfg.hosts(), hostOf(r.cfg.outside.url)), Now: time.Now}),
		Log:  r.d.Log, PagerDutySecrets: r.cfg.pagerDutySecrets,
	}
	if r.cfg.call != nil {
		o.CallToken = r.cfg.call.AuthToken
	}
	if r.cfg.sms != nil && r.cfg.replies {
		o.SMSToken = r.cfg.sms.AuthToken
	}
	return public.New(o)
}

func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "" // Load refuses such a URL
	}
	return u.Hostname()
}
