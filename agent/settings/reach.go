package settings

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"nezuban/agent/tlsfile"
	"nezuban/agent/tomlfile"
	"nezuban/agent/transport"
)

// authorities checks tls_ca_file, and gives its path.
func (e Endpoint) authorities(v *tomlfile.Validator, at []any) string {
	if e.CAFile == "" {
		return ""
	}
	here, path := under(at, "tls_ca_file"), v.Path(e.CAFile)
	e.secure(v, e.CAFile, here)
	if _, err := tlsfile.ReadAuthorities(path); err != nil {
		v.Wrong(e.CAFile, "a file with the certificates of authorities, PEM: "+err.Error(), here...)
	}
	return path
}

// certificate checks tls_cert_file and tls_key_file. A certificate that is not good now is let through: the log says it, and once it is
// renewed it is shown.
func (e Endpoint) certificate(v *tomlfile.Validator, at []any) tlsfile.Pair {
	cert, key := under(at, "tls_cert_file"), under(at, "tls_key_file")
	switch {
	case e.CertFile == "" && e.KeyFile == "":
		return tlsfile.Pair{}
	case e.CertFile == "":
		v.Wrong(nil, "the certificate to which tls_key_file belongs", cert...)
		return tlsfile.Pair{}
	case e.KeyFile == "":
		v.Wrong(nil, "the private key of tls_cert_file", key...)
		return tlsfile.Pair{}
	}
	e.secure(v, e.CertFile, cert)
	pair := tlsfile.Pair{Cert: v.Path(e.CertFile), Key: v.Path(e.KeyFile)}
	_, err := pair.Read(time.Now())
	if _, late := errors.AsType[*tlsfile.UntimelyError](err); err != nil && !late {
		v.Wrong(e.CertFile, "a certificate that can be used: "+err.Error(), cert...)
	}
	return pair
}

func (e Endpoint) serverName(v *tomlfile.Validator, at []any) string {
	if e.ServerName == "" {
		return ""
	}
	here := under(at, "tls_server_name")
	e.secure(v, e.ServerName, here)
	if strings.ContainsAny(e.ServerName, ":/ \t\r\n") {
		v.Wrong(e.ServerName, "the name of a host, without a port", here...)
	}
	return e.ServerName
}

// secure refuses a key about TLS beside an address without it: a secret would go in the clear where nobody expects it.
func (e Endpoint) secure(v *tomlfile.Validator, found string, here []any) {
	for _, text := range append([]string{e.URL}, e.URLs...) {
		if u, err := url.Parse(text); err == nil && u.Scheme == "http" {
			v.Wrong(found, "nothing, because "+withoutUser(text)+" is no https address", here...)
		}
	}
}

// proxy is the URL of the proxy: a secret when it has a password; "" for what the environment says.
func (e Endpoint) proxy(v *tomlfile.Validator, env LookupEnv, at []any) string {
	const expected = "the URL of a proxy like http://proxy.example.org:3128, with http, https, socks5 or socks5h"
	if e.ProxyURL == "" {
		text := secret(v, env, e.ProxyURLFile, e.ProxyURLEnv, at, "proxy_url")
		if _, err := transport.ParseProxy(text); text != "" && err != nil {
			if e.ProxyURLFile != "" {
				v.Wrong(e.ProxyURLFile, "a file with "+expected, under(at, "proxy_url_file")...)
			} else {
				v.Wrong(e.ProxyURLEnv, "an environment variable with "+expected, under(at, "proxy_url_env")...)
			}
		}
		return text
	}
	here := under(at, "proxy_url")
	u, err := transport.ParseProxy(e.ProxyURL)
	switch {
	case e.ProxyURLFile != "" || e.ProxyURLEnv != "":
		v.Wrong("proxy_url and a secret one", "one of them", here...)
	case strings.Contains(e.ProxyURL, "@") || err == nil && u.User != nil:
		v.Wrong(withoutUser(e.ProxyURL), "a proxy without user and password; one with them is for proxy_url_file or proxy_url_env", here...)
	case err != nil:
		v.Wrong(e.ProxyURL, expected, here...)
	}
	return e.ProxyURL
}
