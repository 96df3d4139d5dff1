package settings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/settings"
	"nezuban/agent/tlsfile"
	"nezuban/agent/tomlfile"
	"nezuban/agent/transport"
	"nezuban/packaging/testenv"
)

// outputs loads the [[output]] list of a daemon in a folder with secrets and certificates.
func outputs(t *testing.T, text string) (dir string, out []influx.Output, err error) {
	t.Helper()
	dir = t.TempDir()
	ca := testenv.NewAuthority(t)
	cert, key := ca.Issue("agent")
	_, other := ca.Issue("other")
	over, overKey := ca.IssueUntil(time.Now().Add(-time.Minute), "over")
	for name, from := range map[string]string{"ca.pem": ca.File, "agent.pem": cert, "agent.key": key, "other.key": other, "over.pem": over, "over.key": overKey} {
		if err := os.Link(from, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"a.toml": text, "password": "s3cret\n", "empty": "\n", "no.pem": "s3cret\n", "proxy": "http://u:s3cret@proxy:3128\n", "no.proxy": "u:s3cret@proxy\n",
		"broken.pem": "-----BEGIN CERTIFICATE-----\nczNjcmV0\n-----END CERTIFICATE-----\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var in struct {
		Outputs []settings.Output `toml:"output"`
	}
	v, err := tomlfile.NewValidator(tomlfile.Read(filepath.Join(dir, "a.toml"), 1<<20, &in))
	if err != nil {
		t.Fatal(err)
	}
	env := func(key string) (string, bool) {
		value, set := map[string]string{"PASSWORD": "s3cret", "PROXY": "socks5://u:s3cret@proxy", "NO_PROXY_URL": "s3cret"}[key]
		return value, set
	}
	out = settings.Outputs(v, env, influx.FromAgent, in.Outputs)
	return dir, out, v.Err()
}

const (
	start = "[[output]]\nname = \"o\"\n"
	tls   = start + "url = \"https://h\"\n"
	plain = start + "url = \"http://h\"\n"
)

func TestHowAnOutputIsReached(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       func(dir string) influx.Output
	}{
		{"nothing said", plain, func(string) influx.Output {
			return influx.Output{URLs: []string{"http://h"}}
		}},
		{"a password in a file", plain + "username = \"nezuban\"\npassword_file = \"password\"\n", func(string) influx.Output {
			return influx.Output{URLs: []string{"http://h"}, Username: "nezuban", Password: "s3cret"}
		}},
		{"a password in the environment", plain + "username = \"nezuban\"\npassword_env = \"PASSWORD\"\n", func(string) influx.Output {
			return influx.Output{URLs: []string{"http://h"}, Username: "nezuban", Password: "s3cret"}
		}},
		{"all of TLS", tls + "tls_ca_file = \"ca.pem\"\ntls_cert_file = \"agent.pem\"\ntls_key_file = \"agent.key\"\ntls_server_name = \"db.internal\"\n", func(dir string) influx.Output {
			return influx.Output{URLs: []string{"https://h"}, Transport: transport.Options{
				CAFile: filepath.Join(dir, "ca.pem"), ServerName: "db.internal",
				Certificate: tlsfile.Pair{Cert: filepath.Join(dir, "agent.pem"), Key: filepath.Join(dir, "agent.key")},
			}}
		}},
		{"a certificate that is over", tls + "tls_cert_file = \"over.pem\"\ntls_key_file = \"over.key\"\n", func(dir string) influx.Output {
			return influx.Output{URLs: []string{"https://h"}, Transport: transport.Options{
				Certificate: tlsfile.Pair{Cert: filepath.Join(dir, "over.pem"), Key: filepath.Join(dir, "over.key")},
			}}
		}},
		{"a proxy", plain + "proxy_url = \"https://proxy:3128/\"\n", func(string) influx.Output {
			return influx.Output{URLs: []string{"http://h"}, Transport: transport.Options{Proxy: "https://proxy:3128/"}}
		}},
		{"a proxy with a password in a file", plain + "proxy_url_file = \"proxy\"\n", func(string) influx.Output {
			return influx.Output{URLs: []string{"http://h"}, Transport: transport.Options{Proxy: "http://u:s3cret@proxy:3128"}}
		}},
		{"a proxy with a password in the environment", plain + "proxy_url_env = \"PROXY\"\n", func(string) influx.Output {
			return influx.Output{URLs: []string{"http://h"}, Transport: transport.Options{Proxy: "socks5://u:s3cret@proxy"}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir, got, err := outputs(t, row.text)
			if err != nil {
				t.Fatal(err)
			}
			want := row.want(dir)
			want.Name, want.Bucket = "o", "nezuban"
			if diff := cmp.Diff([]influx.Output{want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, text := range []string{fmt.Sprint(got), fmt.Sprintf("%+v %#v", got, got[0]), got[0].LogValue().String()} {
				if strings.Contains(text, "s3cret") {
					t.Errorf("found a secret in %s", text)
				}
			}
		})
	}
}

func TestMistakesAboutHowAnOutputIsReached(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"a password without a user", plain + "password_env = \"PASSWORD\"\n", "a.toml:1: output[0].username: found nothing, expected the user whose password is named"},
		{"a user without a password", plain + "username = \"nezuban\"\n", `a.toml:4: output[0].username: found "nezuban", expected password_file or password_env beside it`},
		{"a user and a token", plain + "username = \"nezuban\"\npassword_env = \"PASSWORD\"\ntoken_env = \"PASSWORD\"\n", `output[0].username: found "username and a token", expected one of them`},
		{"two passwords", plain + "username = \"nezuban\"\npassword_env = \"PASSWORD\"\npassword_file = \"password\"\n", `output[0].password_env: found "password_file and password_env", expected one of them`},
		{"a user of 2.x", plain + "username = \"nezuban\"\npassword_env = \"PASSWORD\"\norg = \"o\"\n", `output[0].username: found "nezuban", expected token_file or token_env, as an InfluxDB with org`},
		{"a user with a colon", plain + "username = \"a:b\"\npassword_env = \"PASSWORD\"\n", `output[0].username: found "a:b", expected a user without ":"`},
		{"the password itself", plain + "username = \"nezuban\"\npassword = \"s3cret\"\n", "a.toml:5: output[0].password: found unknown key"},
		{"no password in the file", plain + "username = \"nezuban\"\npassword_file = \"empty\"\n", `output[0].password_file: found "empty", expected a file that holds the secret in one line`},
		{"no password in the environment", plain + "username = \"nezuban\"\npassword_env = \"NONE\"\n", `output[0].password_env: found "NONE", expected an environment variable that is set`},
		{"a user and a password in the URL", start + "url = \"http://u:s3cret@h\"\n", `a.toml:3: output[0].url: found "http://…@h", expected an address without user and password`},
		{"a password in a URL that is none", start + "url = \"http://u:s3 cret%zz@h\"\n", `a.toml:3: output[0].url: found "http://…@h", expected an address like`},

		{"no authorities", tls + "tls_ca_file = \"none.pem\"\n", `a.toml:4: output[0].tls_ca_file: found "none.pem", expected a file with the certificates of authorities, PEM: read DIR/none.pem: no such file`},
		{"authorities that are no PEM", tls + "tls_ca_file = \"no.pem\"\n", `output[0].tls_ca_file: found "no.pem", expected a file with the certificates of authorities, PEM: read DIR/no.pem: found no certificate, expected some in PEM`},
		{"a broken authority", tls + "tls_ca_file = \"broken.pem\"\n", `expected a file with the certificates of authorities, PEM: read DIR/broken.pem: certificate 1: x509: malformed certificate`},
		{"a key for authorities", tls + "tls_ca_file = \"agent.key\"\n", `read DIR/agent.key: found no certificate, expected some in PEM`},
		{"a certificate without its key", tls + "tls_cert_file = \"agent.pem\"\n", "a.toml:1: output[0].tls_key_file: found nothing, expected the private key of tls_cert_file"},
		{"a key without its certificate", tls + "tls_key_file = \"agent.key\"\n", "a.toml:1: output[0].tls_cert_file: found nothing, expected the certificate to which tls_key_file belongs"},
		{"another's key", tls + "tls_cert_file = \"agent.pem\"\ntls_key_file = \"other.key\"\n", `a.toml:4: output[0].tls_cert_file: found "agent.pem", expected a certificate that can be used: certificate DIR/agent.pem with key DIR/other.key: tls: private key does not match public key`},
		{"a certificate that is no PEM", tls + "tls_cert_file = \"no.pem\"\ntls_key_file = \"agent.key\"\n", "certificate DIR/no.pem with key DIR/agent.key: tls: failed to find any PEM data in certificate input"},
		{"a key that is no PEM", tls + "tls_cert_file = \"agent.pem\"\ntls_key_file = \"no.pem\"\n", "tls: failed to find any PEM data in key input"},
		{"the two swapped", tls + "tls_cert_file = \"agent.key\"\ntls_key_file = \"agent.pem\"\n", "tls: failed to find certificate PEM data in certificate input, but did find a private key"},
		{"authorities without TLS", plain + "tls_ca_file = \"ca.pem\"\n", `a.toml:4: output[0].tls_ca_file: found "ca.pem", expected nothing, because http://h is no https address`},
		{"a certificate without TLS", plain + "tls_cert_file = \"agent.pem\"\ntls_key_file = \"agent.key\"\n", `output[0].tls_cert_file: found "agent.pem", expected nothing, because http://h is no https address`},
		{"one address of two without TLS", start + "urls = [\"https://h\", \"http://u:s3cret@i\"]\ntls_server_name = \"db.internal\"\n", `output[0].tls_server_name: found "db.internal", expected nothing, because http://…@i is no https address`},
		{"a name with a port", tls + "tls_server_name = \"db:8086\"\n", `output[0].tls_server_name: found "db:8086", expected the name of a host, without a port`},

		{"a proxy with a password", plain + "proxy_url = \"http://u:s3cret@proxy\"\n", `a.toml:4: output[0].proxy_url: found "http://…@proxy", expected a proxy without user and password; one with them is for proxy_url_file`},
		{"a proxy with a password and no URL", plain + "proxy_url = \"u:s3cret%zz@proxy\"\n", `a.toml:4: output[0].proxy_url: found "…@proxy", expected a proxy without user and password`},
		{"no proxy", plain + "proxy_url = \"proxy:3128\"\n", `output[0].proxy_url: found "proxy:3128", expected the URL of a proxy like http://proxy.example.org:3128`},
		{"two proxies", plain + "proxy_url = \"http://proxy\"\nproxy_url_env = \"PROXY\"\n", `output[0].proxy_url: found "proxy_url and a secret one", expected one of them`},
		{"two secret proxies", plain + "proxy_url_file = \"proxy\"\nproxy_url_env = \"PROXY\"\n", `output[0].proxy_url_env: found "proxy_url_file and proxy_url_env", expected one of them`},
		{"no proxy in the file", plain + "proxy_url_file = \"no.proxy\"\n", `output[0].proxy_url_file: found "no.proxy", expected a file with the URL of a proxy`},
		{"no proxy in the environment", plain + "proxy_url_env = \"NO_PROXY_URL\"\n", `output[0].proxy_url_env: found "NO_PROXY_URL", expected an environment variable with the URL of a proxy`},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir, _, err := outputs(t, row.text)
			want := strings.ReplaceAll(row.want, "DIR", dir)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("error\n%v\nexpected one that contains\n%s", err, want)
			}
			if strings.Contains(err.Error(), "3cret") || strings.Contains(err.Error(), "3 cret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}
