package app

import (
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"nezuban/agent/influx"
	shared "nezuban/agent/settings"
	"nezuban/agent/tomlfile"
	"nezuban/checks/check"
	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest"
	"nezuban/router/internal/page/call"
	"nezuban/router/internal/page/email"
	"nezuban/router/internal/page/slack"
	"nezuban/router/internal/page/twilio"
	"nezuban/router/internal/page/webhook"
	"nezuban/router/internal/page/wording"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state"
)

// What holds when the configuration does not say.
const (
	defaultListen   = "127.0.0.1:17070" // where a router answers
	defaultStateDir = "state"
)

const expectedPublicURL = `a URL like "https://nezuban.example.org"`

// Bounds of the configuration and of the checks file.
const (
	maxConfigBytes = 1 << 20
	maxChecksBytes = 4 << 20
)

// settings is router.toml as it is written; docs/router.md explains each key.
type settings struct {
	shared.Daemon
	PublicURL string           `toml:"public_url"`
	TLSCert   string           `toml:"tls_cert"`
	TLSKey    string           `toml:"tls_key"`
	Public    publicSettings   `toml:"public"`
	StateDir  string           `toml:"state_dir"`
	OnCall    string           `toml:"oncall"`
	Source    string           `toml:"oncall_source"`
	Contacts  string           `toml:"contacts"`
	Checks    string           `toml:"checks"`
	DeadMan   deadManSettings  `toml:"dead_man"`
	MaxState  *int64           `toml:"state_max_bytes"`
	Advertise string           `toml:"advertise"`
	Etcd      etcdSettings     `toml:"etcd"`
	Templates wording.Config   `toml:"templates"`
	InfluxDB  *shared.Database `toml:"influxdb"`

	Ingest    ingestSettings    `toml:"ingest"`
	PagerDuty pagerDutySettings `toml:"pagerduty"`
	SMS       smsSettings       `toml:"sms"`
	Call      twilioSettings    `toml:"call"`
	Email     emailSettings     `toml:"email"`
	Slack     slackSettings     `toml:"slack"`
	Webhook   webhookSettings   `toml:"webhook"`
	Projects  []projectSettings `toml:"project"`
	rule.Config
	lifecycleSettings
}

type deadManSettings struct {
	URLFile string             `toml:"url_file"`
	Every   *tomlfile.Duration `toml:"every"`
}

type ingestSettings struct {
	OpenOnLoopback bool  `toml:"open_on_loopback"`
	MaxBytes       int64 `toml:"max_bytes"`
}

type pagerDutySettings struct {
	BaseURL            string   `toml:"base_url"`
	TokenFile          string   `toml:"token_file"`
	From               string   `toml:"from"`
	Service            string   `toml:"service"`
	WebhookSecretFiles []string `toml:"webhook_secret_files"`
	EventsURL          string   `toml:"events_url"`
	EventsKeyFile      string   `toml:"events_key_file"`
	PagesPerMinute     *int     `toml:"pages_per_minute"`
}

func (s pagerDutySettings) used() bool { return !reflect.ValueOf(s).IsZero() }

type projectSettings struct {
	ID       string            `toml:"id"`
	Name     string            `toml:"name"`
	Key      string            `toml:"key"`
	Severity string            `toml:"severity"`
	Labels   map[string]string `toml:"labels"`
	Runbook  string            `toml:"runbook"`
}

// Config is a router's configuration after every check: nobody checks it again. It is immutable.
type Config struct {
	Listen         string   // host:port
	PublicURL      string   // without a trailing slash
	tls            *keyPair // nil: plain HTTP
	outside        *outside // the listener for ack pages and providers; nil: there is none
	StateDir       string
	OnCallSource   string // file or apply
	OnCall         string // path of the rotation file; "" when it is applied
	Contacts       string // path of the contacts
	Advertise      string // URL under which other routers reach this one, without a trailing slash; "" when it is alone
	LogLevel       string
	SentryDSN      string // secret
	OpenOnLoopback bool
	MaxBytes       int64
	Checks         []check.Check
	ChecksText     []byte // the checks file as the locations get it; empty without one
	Rules          *rule.Set
	Projects       []ingest.Project
	Templates      *wording.Set   // the words of messages; nil: the built-in ones
	TemplateFiles  []wording.File // that Templates were compiled with
	Incidents      incident.Settings

	etcd     state.Options // of an external cluster; without endpoints the state is embedded
	etcdPair *keyPair      // this router's own certificate towards it; nil: none

	late tomlfile.Problems // certificates that were not good at the time of reading

	history *influx.Output // the InfluxDB that agents and checks write to, and that gets closed incidents; nil: none is known

	deadManURL   string // secret; "": nobody outside is told that this router is alive
	deadManEvery time.Duration

	pagerDuty        pagerDutySettings
	pagerDutyToken   string
	pagerDutySecrets []string // of its webhooks
	pagerDutyEvents  string   // integration key of its Events API; "": there is none

	// The accounts of the other channels; nil where router.toml has none.
	sms     *twilio.Config
	replies bool // answers to text messages are read
	call    *call.Config
	email   *email.Config
	slack   *slack.Config
	webhook *webhook.Config

	caps  map[string]int // by channel: pages a minute, beyond which they are merged
	rates map[string]int // by channel: messages a minute, beyond which they wait
}

// Load reads router.toml and the files that it names, and reports every problem of them at once. Relative paths are
// taken from the folder of the file.
func Load(path string, env func(string) (string, bool)) (Config, error) {
	written := settings{
		Daemon:   shared.Daemon{Listen: defaultListen, LogLevel: "info"},
		StateDir: defaultStateDir, Source: sourceFile, Contacts: "contacts.toml",
	}
	v, err := tomlfile.NewValidator(tomlfile.Read(path, maxConfigBytes, &written))
	if err != nil {
		return Config{}, err
	}
	l := loader{Validator: v}
	cfg := l.config(written)
	if written.InfluxDB != nil {
		history := written.InfluxDB.Output(v, env, "influxdb", "influxdb")
		cfg.history = &history
	}
	cfg.SentryDSN = written.Validate(v, env, defaultListen, false)
	if err := errors.Join(append([]error{l.Err()}, l.others...)...); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// loader turns settings into a Config.
type loader struct {
	*tomlfile.Validator
	others []error           // about the files that the configuration names
	late   tomlfile.Problems // as in Config
}

func (l *loader) config(s settings) Config {
	cfg := Config{
		Listen: s.Listen, StateDir: l.Path(s.StateDir), OnCallSource: s.Source, OnCall: l.onCall(s), Contacts: l.Path(s.Contacts),
		LogLevel: s.LogLevel, OpenOnLoopback: s.Ingest.OpenOnLoopback, MaxBytes: s.Ingest.MaxBytes,
		pagerDuty: s.PagerDuty,
	}
	l.plain(&cfg, s)
	l.public(&cfg, s)
	l.deadMan(&cfg, s.DeadMan)
	l.cluster(&cfg, s)
	l.channels(&cfg, s)
	cfg.Templates, cfg.TemplateFiles = l.templates(s.Templates)
	if s.Checks != "" {
		cfg.Checks, cfg.ChecksText = l.checks(l.Path(s.Checks))
	}
	for i, p := range s.Projects {
		cfg.Projects = append(cfg.Projects, l.project(p, i, s.Projects[:i]))
	}
	set, problems := rule.Compile(s.Config, cfg.Checks, l.File())
	cfg.Rules = set
	l.Add(problems...)
	cfg.Incidents = l.lifecycle(s)
	cfg.late = l.late
	return cfg
}

// has says that the configuration has a table, be it an empty one.
func (l *loader) has(table string) bool { return l.File().Line(table) > 0 }

// onCall is the path of the rotation file. A path beside a file that is applied would be a second source: it is refused.
func (l *loader) onCall(s settings) string {
	switch {
	case s.Source == sourceApply && s.OnCall != "":
		l.Wrong(s.OnCall, `no path, because oncall_source is "apply"`, "oncall")
	case s.Source == sourceApply:
	case s.Source != sourceFile:
		l.Wrong(s.Source, `"file" or "apply"`, "oncall_source")
	case s.OnCall == "":
		return l.Path("oncall.toml")
	}
	return l.Path(s.OnCall)
}

// publicHost is the host name under which people reach the router.
func (c Config) publicHost() string { return c.public().Hostname() }

// secure says that people reach the router by https.
func (c Config) secure() bool { return c.public().Scheme == "https" }

func (c Config) public() *url.URL {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return &url.URL{} // Load refuses such a URL
	}
	return u
}

func (l *loader) plain(cfg *Config, s settings) {
	cfg.PublicURL = publicURL(s.PublicURL, s.Listen)
	if !webURL(cfg.PublicURL) {
		l.Wrong(s.PublicURL, expectedPublicURL, "public_url")
	}
	if s.Ingest.MaxBytes < 0 {
		l.Wrong(s.Ingest.MaxBytes, "a number of bytes, or nothing for the default", "ingest", "max_bytes")
	}
	if s.AbsenceGrace == 0 && l.File().Has("absence_grace") {
		l.Wrong(s.AbsenceGrace.String(), `a duration above zero, or nothing for "60s"`, "absence_grace")
	}
}

// Bounds of how often the router says that it is alive.
const (
	defaultDeadManEvery = time.Minute
	minDeadManEvery     = 5 * time.Second
	maxDeadManEvery     = time.Hour
)

// deadMan checks the switch outside; without the table there is none.
func (l *loader) deadMan(cfg *Config, s deadManSettings) {
	if !l.has("dead_man") {
		return
	}
	cfg.deadManURL = l.Secret(s.URLFile, "dead_man", "url_file")
	if cfg.deadManURL != "" && !webURL(cfg.deadManURL) {
		l.Wrong(s.URLFile, "a file with a URL like https://example.org/ping/id", "dead_man", "url_file")
	}
	cfg.deadManEvery = defaultDeadManEvery
	if s.Every != nil {
		cfg.deadManEvery = time.Duration(*s.Every)
	}
	if cfg.deadManEvery < minDeadManEvery || cfg.deadManEvery > maxDeadManEvery {
		l.Wrong(s.Every.String(), `a duration from "5s" to "1h"`, "dead_man", "every")
	}
}

func webURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// channels checks the providers' settings; a table that is not there means that the channel is not configured.
func (l *loader) channels(cfg *Config, s settings) {
	if p := s.PagerDuty; l.has("pagerduty") {
		l.webURLOrNothing(p.BaseURL, "pagerduty", "base_url")
		l.required(p.Service, "a PagerDuty service id", "pagerduty", "service")
		if address, err := mail.ParseAddress(p.From); err != nil || address.Address != p.From {
			l.Wrong(p.From, "the e-mail address of a PagerDuty user who is nobody on call", "pagerduty", "from")
		}
		cfg.pagerDutyToken = l.Secret(p.TokenFile, "pagerduty", "token_file")
		l.webURLOrNothing(p.EventsURL, "pagerduty", "events_url")
		if p.EventsKeyFile != "" {
			cfg.pagerDutyEvents = l.Secret(p.EventsKeyFile, "pagerduty", "events_key_file")
		}
		cfg.pagerDutySecrets = l.webhookSecrets(p, cfg.outside != nil)
	}
	cfg.sms = l.twilio(s.SMS.twilioSettings, "sms", "the number that messages come from")
	if cfg.replies = s.SMS.Replies; cfg.replies && cfg.outside == nil {
		l.Wrong(true, "the table [public], by which the answers come in", "sms", "replies")
	}
	if account := l.twilio(s.Call, "call", "the number that calls come from"); account != nil {
		cfg.call = &call.Config{Config: *account}
	}
	cfg.email = l.email(s.Email)
	cfg.slack = l.slack(s.Slack)
	cfg.webhook = l.webhook(s.Webhook)
	l.limits(cfg, s)
}

func (l *loader) webURLOrNothing(text string, path ...any) {
	if text != "" && !webURL(text) {
		l.Wrong(text, "a URL, or nothing for the provider's own", path...)
	}
}

// needed notes a mistake at a key that is needed because of another one; while it is not there, that one's line is given.
func (l *loader) needed(found any, expected string, because []any, path ...any) {
	problem := l.File().Problem(found, expected, path...)
	if !l.File().Has(path...) {
		problem.Line = l.File().Line(because...)
	}
	l.Add(problem)
}

func (l *loader) required(text, expected string, path ...any) {
	if text == "" {
		l.Wrong(text, expected, path...)
	}
}

func (l *loader) checks(path string) ([]check.Check, []byte) {
	text, err := readFile(path, maxChecksBytes)
	if err != nil {
		l.others = append(l.others, err)
		return nil, nil
	}
	checks, err := check.Parse(path, text)
	if err != nil {
		l.others = append(l.others, err)
	}
	return checks, text
}

func (l *loader) project(p projectSettings, i int, before []projectSettings) ingest.Project {
	l.required(p.ID, "the project's number in its DSN", "project", i, "id")
	l.required(p.Name, "a name", "project", i, "name")
	l.required(p.Key, "the public key in the project's DSN", "project", i, "key")
	for _, other := range before {
		if other.ID == p.ID {
			l.Wrong(p.ID, "an id that no other project has", "project", i, "id")
		}
	}
	severity := incident.Severity(p.Severity)
	if severity == "" {
		severity = incident.SeverityPage
	}
	if severity.Rank() == 0 {
		l.Wrong(p.Severity, `"page", "ticket" or "info"`, "project", i, "severity")
	}
	if p.Runbook != "" && !check.ValidRunbook(p.Runbook) {
		l.Wrong(p.Runbook, check.ExpectedRunbook, "project", i, "runbook")
	}
	return ingest.Project{ID: p.ID, Name: p.Name, Key: p.Key, Severity: severity, Labels: p.Labels, Runbook: p.Runbook}
}

// CheckCertificates names the certificates that are over or not yet good. A router starts with them all the same: paging needs
// none.
func CheckCertificates(c Config) error { return c.late.Err() }

// CheckOnCall reads the rotation file and the contacts as a router does at its start, and reports what would leave
// somebody out of reach. A file that is applied is not at hand: its apply reports that.
func CheckOnCall(c Config) error {
	if c.OnCallSource == sourceApply {
		_, err := escalation.LoadContacts(c.Contacts)
		return err
	}
	text, err := readFile(c.OnCall, schedule.MaxBytes)
	file, err := parsed(c.OnCall, text, err)
	contacts, contactsErr := escalation.LoadContacts(c.Contacts)
	if err := errors.Join(err, contactsErr); err != nil {
		return err
	}
	return c.unreachable(contacts, file).Err()
}

// silent is what is wrong with a rotation file under which nobody at all would get a page through this router, or nil: it would
// take in what nobody hears of.
func (c Config) silent(contacts *escalation.Contacts, f *schedule.File) error {
	provided := c.provided()
	for _, person := range f.People() {
		for _, channel := range person.Page {
			_, known := contacts.Address(person.Name, channel.Name)
			if provided[channel.Name] && (known || !channel.NeedsAddress()) {
				return nil
			}
		}
	}
	nobody := tomlfile.Problem{
		File: f.Name(), Line: 1, Key: "people", Found: "nobody whom a page reaches",
		Expected: "somebody with an address in " + c.Contacts + " for a channel through which this router can send",
	}
	return append(tomlfile.Problems{nobody}, c.unreachable(contacts, f)...)
}

// unprovided lists the channels under a key of a person for which this router has no provider, each once.
func (c Config) unprovided(f *schedule.File, person schedule.Person, key string, channels []schedule.Channel) tomlfile.Problems {
	provided := c.provided()
	var problems tomlfile.Problems
	for _, channel := range channels {
		problem := tomlfile.Problem{
			File: f.Name(), Line: person.Line, Key: "people." + person.Name + "." + key, Found: fmt.Sprintf("channel %q", channel.Name),
			Expected: "a channel through which this router can send: " + strings.Join(slices.Sorted(maps.Keys(provided)), ", "),
		}
		if !provided[channel.Name] && !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	return problems
}

// unreachable lists the channels of the rotation file by which this router would not get through: without an address, or
// without a provider.
func (c Config) unreachable(contacts *escalation.Contacts, f *schedule.File) tomlfile.Problems {
	problems := contacts.Check(f)
	for _, person := range f.People() {
		problems = append(problems, c.unprovided(f, person, "page", person.Page)...)
		problems = append(problems, c.unprovided(f, person, "ticket", person.Ticket)...)
	}
	return problems
}
