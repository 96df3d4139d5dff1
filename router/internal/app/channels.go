package app

import (
	"net/mail"
	"strings"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/call"
	"nezuban/router/internal/page/email"
	"nezuban/router/internal/page/pagerduty"
	"nezuban/router/internal/page/slack"
	"nezuban/router/internal/page/sms"
	"nezuban/router/internal/page/terminal"
	"nezuban/router/internal/page/twilio"
	"nezuban/router/internal/page/webhook"
)

// twilioSettings are [sms] and [call], which may be one account or two.
type twilioSettings struct {
	BaseURL    string `toml:"base_url"`
	AccountSID string `toml:"account_sid"`
	TokenFile  string `toml:"auth_token_file"`
	From       string `toml:"from"`

	PagesPerMinute    *int `toml:"pages_per_minute"`
	MessagesPerMinute *int `toml:"messages_per_minute"`
}

// smsSettings is [sms].
type smsSettings struct {
	twilioSettings
	Replies bool `toml:"replies"`
}

// twilio checks the account in a table; nil when there is no such table.
func (l *loader) twilio(s twilioSettings, table, from string) *twilio.Config {
	if !l.has(table) {
		return nil
	}
	l.webURLOrNothing(s.BaseURL, table, "base_url")
	l.required(s.AccountSID, "an account SID", table, "account_sid")
	l.required(s.From, from, table, "from")
	return &twilio.Config{BaseURL: s.BaseURL, AccountSID: s.AccountSID, AuthToken: l.Secret(s.TokenFile, table, "auth_token_file"), From: s.From}
}

// emailSettings is [email].
type emailSettings struct {
	Server       string `toml:"server"`
	TLS          string `toml:"tls"`
	From         string `toml:"from"`
	Username     string `toml:"username"`
	PasswordFile string `toml:"password_file"`

	PagesPerMinute    *int `toml:"pages_per_minute"`
	MessagesPerMinute *int `toml:"messages_per_minute"`
}

// email checks the server; nil when there is no such table.
func (l *loader) email(s emailSettings) *email.Config {
	if !l.has("email") {
		return nil
	}
	c := email.Config{Server: s.Server, TLS: email.TLS(s.TLS), Username: s.Username}
	for _, m := range email.Check(s.Server, c.TLS, s.Username) {
		l.Wrong(map[string]string{"server": s.Server, "tls": s.TLS}[m.Key], m.Expected, "email", m.Key)
	}
	from, err := mail.ParseAddress(s.From)
	if err != nil || !strings.Contains(from.Address, "@") {
		l.Wrong(s.From, `a mail address such as "Nezuban <nezuban@example.org>"`, "email", "from")
	} else {
		c.From = *from
	}
	switch {
	case s.Username != "":
		c.Password = l.Secret(s.PasswordFile, "email", "password_file")
	case s.PasswordFile != "":
		l.Wrong(nil, "the user whose password it is", "email", "username")
	}
	return &c
}

// slackSettings is [slack].
type slackSettings struct {
	BaseURL           string `toml:"base_url"`
	TokenFile         string `toml:"token_file"`
	PagesPerMinute    *int   `toml:"pages_per_minute"`
	MessagesPerMinute *int   `toml:"messages_per_minute"`
}

// slack checks the workspace; nil when there is no such table.
func (l *loader) slack(s slackSettings) *slack.Config {
	if !l.has("slack") {
		return nil
	}
	l.webURLOrNothing(s.BaseURL, "slack", "base_url")
	return &slack.Config{BaseURL: s.BaseURL, Token: l.Secret(s.TokenFile, "slack", "token_file")}
}

// webhookSettings is [webhook]; the URLs are in the contacts.
type webhookSettings struct {
	SecretFiles    []string `toml:"secret_files"`
	PagesPerMinute *int     `toml:"pages_per_minute"`
}

// webhook checks the secrets; nil when there is no such table.
func (l *loader) webhook(s webhookSettings) *webhook.Config {
	if !l.has("webhook") {
		return nil
	}
	var c webhook.Config
	if len(s.SecretFiles) == 0 {
		l.Wrong([]any{}, "at least one file that holds a secret", "webhook", "secret_files")
	}
	for i, name := range s.SecretFiles {
		text := l.Secret(name, "webhook", "secret_files", i)
		if text == "" {
			continue // said already
		}
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			l.Wrong(name, "a file with one secret: "+err.Error(), "webhook", "secret_files", i)
		}
		c.Secrets = append(c.Secrets, secret)
	}
	return &c
}

// provided are the channels through which this router can send.
func (c Config) provided() map[string]bool {
	provided := map[string]bool{schedule.ChannelTerminal: true}
	for channel, configured := range map[string]bool{
		schedule.ChannelPagerDuty: c.pagerDuty.used(),
		schedule.ChannelSMS:       c.sms != nil,
		schedule.ChannelCall:      c.call != nil,
		schedule.ChannelEmail:     c.email != nil,
		schedule.ChannelSlack:     c.slack != nil,
		schedule.ChannelWebhook:   c.webhook != nil,
	} {
		if configured {
			provided[channel] = true
		}
	}
	return provided
}

// pagers are the channels that this router can send through.
func (r *router) pagers() map[string]page.Pager {
	pagers := map[string]page.Pager{schedule.ChannelTerminal: terminal.New(r.out)}
	if p := r.cfg.pagerDuty; p.used() {
		r.pagerDuty = pagerduty.New(pagerduty.Config{
			BaseURL: p.BaseURL, Token: r.cfg.pagerDutyToken, From: p.From, ServiceID: p.Service, EventsURL: p.EventsURL, EventsKey: r.cfg.pagerDutyEvents,
		})
		pagers[schedule.ChannelPagerDuty] = r.pagerDuty
	}
	if c := r.cfg.sms; c != nil {
		pagers[schedule.ChannelSMS] = sms.New(*c)
	}
	if c := r.cfg.call; c != nil {
		account := *c
		account.Answer = r.personal.keyAddress
		pagers[schedule.ChannelCall] = call.New(account)
	}
	if c := r.cfg.email; c != nil {
		pagers[schedule.ChannelEmail] = email.New(*c)
	}
	if c := r.cfg.slack; c != nil {
		pagers[schedule.ChannelSlack] = slack.New(*c)
	}
	if c := r.cfg.webhook; c != nil {
		pagers[schedule.ChannelWebhook] = webhook.New(*c)
	}
	return pagers
}
